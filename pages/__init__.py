"""What staff look at: one file a screen, in Streamlit."""
