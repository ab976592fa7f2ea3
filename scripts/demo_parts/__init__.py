"""What the demo runs beside the server: a seeder, a web site, and the media they serve."""
