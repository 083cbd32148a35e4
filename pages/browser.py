"""What only the browser can do: exchange a ticket for a cookie, give a cookie back."""

from typing import Any, Final

import streamlit as st

# A message is sent once, however often the page is drawn again; the answer is a reload, so that
# the new websocket brings the new cookie. A deep link stays in the address bar.
_POST: Final = """
const sent = new Set();
export default function ({ data, setTriggerValue }) {
  if (!data || sent.has(data.once)) return;
  sent.add(data.once);
  fetch(data.path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data.body),
  }).then((answer) => {
    if (!answer.ok) setTriggerValue("failed", answer.status);
    else if (data.next) window.location.assign(data.next);
    else window.location.reload();
  }).catch(() => setTriggerValue("failed", -1));
}
"""


def post_and_reload(path: str, body: dict[str, Any], *, once: str, then: str | None = None) -> bool:
    """Let the browser POST ``body`` (JSON) to ``path`` of this listener, then load ``then``.

    Without ``then`` the same address is loaded again. Calls with the same ``once`` send one
    message. Gives whether the listener refused it.
    """
    post = st.components.v2.component("post_and_reload", js=_POST)
    answer = post(
        key=f"post:{path}",
        data={"path": path, "body": body, "next": then, "once": once},
        on_failed_change=lambda: None,
    )
    return bool(answer.get("failed"))
