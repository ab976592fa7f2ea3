"""Real-Debrid: torrents and file hosters."""
