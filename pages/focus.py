"""Putting the cursor where the hands are: Streamlit has no autofocus of its own."""

from typing import Final

import streamlit as st

# Only a field of our own container is focused, once for each call; nothing is read.
_FOCUS: Final = """
let last = null;
export default function ({ data }) {
  if (!data || data.once === last) return;
  last = data.once;
  const seek = (left) => {
    const field = document.querySelector(`.st-key-${data.container} input`);
    if (field) field.focus();
    else if (left > 0) setTimeout(seek, 50, left - 1);
  };
  setTimeout(seek, 0, 40);
}
"""


def focus_field(container: str, *, once: str) -> None:
    """Focus the first field of the container with this key, once for each value of ``once``."""
    focus = st.components.v2.component("focus_field", js=_FOCUS)
    focus(key=f"focus_{container}", data={"container": container, "once": once}, height=1)
