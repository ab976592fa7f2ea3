"""BitTorrent without an account: libtorrent in a child process of its own."""
