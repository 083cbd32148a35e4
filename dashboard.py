"""Launcher of the staff listener: ``streamlit run dashboard.py``.

The script lies inside ``pages/`` on purpose. A ``pages`` folder beside the running script is
served page by page to whoever asks, before the script has run for the first time.
"""

import streamlit as st
import uvicorn.config
from starlette.middleware import Middleware
from uvicorn._types import ASGI3Application

from pages.faults import tell_fault
from pages.listener import evidence_routes, gateway_routes, probes, sign_in_routes
from pages.listener.gate import Gate
from pages.listener.headers import SecurityHeaders
from pages.listener.life import lifespan


def _leave_headers_alone(app: ASGI3Application, **_options: object) -> ASGI3Application:
    return app


# uvicorn would believe X-Forwarded-For from every process of this machine; the chain of trusted
# proxies is read by the gate alone.
uvicorn.config.ProxyHeadersMiddleware = _leave_headers_alone  # type: ignore[misc,assignment]

app = st.App(
    "pages/navigation.py",
    routes=[
        *sign_in_routes.routes,
        *gateway_routes.routes,
        *evidence_routes.routes,
        *probes.routes,
    ],
    middleware=[Middleware(SecurityHeaders), Middleware(Gate)],
    lifespan=lifespan,
    on_script_error=tell_fault,
)
