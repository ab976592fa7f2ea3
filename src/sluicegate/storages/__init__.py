"""Where finished bytes are kept."""
