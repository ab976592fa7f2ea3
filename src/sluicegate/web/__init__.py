"""What every surface shares: authentication, byte serving, signing, limits."""
