"""The extraction child: yt-dlp as a library, in a process of its own, with everything but reading pages taken away."""
