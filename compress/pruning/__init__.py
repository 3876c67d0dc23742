"""Structured pruning: what is cut (plan), by what measure (importance), how (cutting); sparsity by llm-compressor."""
