"""Where Streamlit's main script lies: beside a folder `pages/` it would take every file there for a script."""
