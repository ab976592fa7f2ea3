"""AllDebrid: torrents and file hosters through its API v4 and v4.1."""
