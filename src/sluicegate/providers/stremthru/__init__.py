"""StremThru: any store that speaks its API, named by the account's base URL."""
