"""Activation-aware weight quantisation (Lin et al. 2023, arXiv 2306.00978): shapes, rounding, checks."""
