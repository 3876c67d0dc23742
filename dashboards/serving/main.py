"""Streamlit's main script: `harness dashboard` runs it."""

from dashboards.app import main

main()
