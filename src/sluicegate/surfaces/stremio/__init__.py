"""The Stremio add-on: the library as a catalog, and streams for titles."""
