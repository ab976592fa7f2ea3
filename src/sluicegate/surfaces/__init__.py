"""The wire APIs we serve; each parses, calls one service, renders."""
