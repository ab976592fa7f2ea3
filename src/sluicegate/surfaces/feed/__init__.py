"""The outbound feed: a user's library for Sonarr, Radarr and generic feed readers."""
