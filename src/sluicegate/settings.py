"""Settings: every knob of an installation, from ``SLUICEGATE_*`` variables or a TOML file.

Only entry points and the wiring read this. Each field's description is the documentation: the docs and
``sluicegate doctor`` print it, and a test fails for a field without one.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

__all__ = ["Role", "Settings", "default_data_dir"]


class Role(StrEnum):
    """What a server process does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/sluicegate``, or ``~/.local/share/sluicegate``."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "sluicegate"


class Settings(BaseSettings):
    """The settings of one process; later sources win: TOML file, environment, command line."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICEGATE_", extra="forbid", env_ignore_empty=True, validate_default=True
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder for the embedded database, downloads, stored files and the master key.",
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL to use instead of the embedded one: postgresql://user:password@host:port/name."
    )
    host: str = Field("127.0.0.1", description="Address to serve on.")
    port: int = Field(8787, ge=0, le=65535, description="Port to serve on; 0 picks a free one.")
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the server's certificate, followed by those of its issuers; with it the server speaks "
        "https alone. It is read again when it changes.",
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key, without a password.")
    role: Role = Field(Role.ALL, description="What this process does: all, web or worker.")
    public_url: str | None = Field(
        None, description="Base of the URLs handed out, when clients reach the server under another name."
    )
    master_key: SecretStr | None = Field(
        None, description="64 hexadecimal characters that seal secrets; by default made once as master.key."
    )
    master_key_next: SecretStr | None = Field(
        None, description="The master key to come, while 'sluicegate rotate-master-key' replaces SLUICEGATE_MASTER_KEY."
    )
    egress_allow: str = Field(
        "", description="Private networks that may be connected to, as a comma list: 192.168.1.0/24,127.0.0.1:9000."
    )
    trusted_proxies: str = Field(
        "", description="Addresses of reverse proxies whose X-Forwarded-For is believed, as a comma list of networks."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level that is logged.")
    log_format: str = Field("auto", pattern="^(auto|text|json)$", description="Log lines for people or for machines.")
    submit_patience: float = Field(
        2.0, ge=0, le=30, description="Seconds a submit waits for its placement before it answers queued."
    )
    share_copies: bool = Field(
        default=False,
        description="Whether a torrent stored for one user answers another one's submit at once; it shows that "
        "somebody here has it.",
    )
    swarm_enabled: bool = Field(default=True, description="Whether torrents are fetched here when no account has them.")
    swarm_listen: str = Field("0.0.0.0:0", description="Address and port for peers; port 0 picks a free one.")
    swarm_upload_kib: int = Field(
        0, ge=0, description="Upload limit of the torrent engine in KiB/s; 0 switches uploading off."
    )
    swarm_dht: bool = Field(default=True, description="Whether the torrent engine finds peers through the DHT.")
    swarm_active: int = Field(20, ge=1, le=500, description="How many torrents are fetched at the same time.")
    direct_active: int = Field(8, ge=1, le=500, description="How many links are downloaded at the same time.")
    direct_per_host: int = Field(8, ge=1, le=100, description="How many connections to one host at the same time.")
    download_max_gib: float = Field(500.0, gt=0, description="Largest single file that is accepted, in GiB.")
    media_active: int = Field(
        500, ge=1, le=5_000, description="How many media jobs are at work at the same time, over all workers."
    )
    media_per_user: int = Field(
        500, ge=1, le=5_000, description="How many of them may be one user's; 'sluicegate users limit' sets others."
    )
    media_per_host: int = Field(
        500, ge=1, le=5_000, description="How many media jobs fetch from one host at the same time."
    )
    media_readers: int = Field(
        0,
        ge=0,
        le=500,
        description="How many child processes of a worker read pages and fetch their media at the same time, about "
        "40 MB each and 80 MB for all; 0 for two per processor. Plain files need none.",
    )
    media_converters: int = Field(
        0, ge=0, le=100, description="How many conversions a worker runs at the same time; 0 for one per processor."
    )
    media_uploads: int = Field(16, ge=1, le=500, description="How many finished media files a worker stores at once.")
    media_entries_max: int = Field(
        500, ge=1, le=10_000, description="How many items of a playlist, channel or feed become jobs."
    )
    sandbox: bool = Field(
        default=False, description="Whether a server runs the provider sandbox and talks to it instead of providers."
    )
    wrong_key_rate: int = Field(
        60, ge=0, description="Wrong keys a minute from one address before it is told to wait; 0 for no limit."
    )
    metrics_from: str = Field(
        "127.0.0.0/8,::1/128", description="Networks that may read /metrics directly, as a comma list; empty for none."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token with which /metrics may be read from anywhere."
    )
    jwt_issuer: str | None = Field(
        None, description="Issuer (iss) whose JSON web tokens open the library API: an OIDC provider or Supabase."
    )
    jwt_audience: str = Field("authenticated", description="Audience (aud) that such tokens must name.")
    jwt_jwks_url: str | None = Field(
        None, description="Where the issuer publishes its keys; by default /.well-known/jwks.json below the issuer."
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Shared secret of an issuer that signs with HS256; its published keys do not count then."
    )
    jwt_create_users: bool = Field(
        default=False, description="Whether somebody with a valid token who is not known here becomes a user."
    )
    registration: str = Field(
        "closed",
        description="Who may register by e-mail: closed (nobody), open (anybody), or a comma list of domains whose "
        "addresses may: example.org,example.net.",
    )
    smtp_host: str = Field("", description="Mail server that takes our mails; empty for none.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port: mostly 587 for STARTTLS, 465 for TLS.")
    smtp_security: str = Field(
        "starttls",
        pattern="^(starttls|tls|none)$",
        description="How the way there is encrypted: starttls, tls, or none for a mail server on this machine.",
    )
    smtp_user: str = Field("", description="User at the mail server; empty to send without signing in.")
    smtp_password: SecretStr | None = Field(None, description="The user's password there.")
    smtp_sender: str = Field("", description="Address that mails come from.")
    plans: str = Field(
        "unlimited", pattern="^(unlimited|revenuecat)$", description="Who knows what users are entitled to."
    )
    revenuecat_key: SecretStr | None = Field(None, description="Secret API key of RevenueCat.")
    revenuecat_url: str = Field("https://api.revenuecat.com", description="Address of RevenueCat's API.")
    revenuecat_webhook: SecretStr | None = Field(
        None, description="Authorization header that RevenueCat's webhook sends to /v1/billing/revenuecat."
    )
    revenuecat_entitlement: str = Field("", description="Entitlement that makes a plan a paid one; empty for any.")
    free_jobs: int = Field(3, ge=0, description="Jobs at the same time without a paid plan; 0 for no limit.")
    free_torrent_gib: float = Field(0, ge=0, description="Largest torrent without a paid plan in GiB; 0 for no limit.")
    free_feeds: int = Field(5, ge=0, description="Feeds without a paid plan; 0 for no limit.")
    gateway_key_rate: int = Field(3_000, ge=0, description="Gateway calls a minute per proxy key; 0 for no limit.")
    gateway_addon_rate: int = Field(60_000, ge=0, description="Gateway calls a minute per add-on; 0 for no limit.")
    gateway_address_rate: int = Field(60_000, ge=0, description="Gateway calls a minute per address; 0 for no limit.")
    gateway_plain_http: bool = Field(
        default=False,
        description="Whether the gateway takes calls that come in plain HTTP from outside private networks: add-on "
        "secrets and proxy keys can be read on the way then.",
    )
    gateway_audit_days: int = Field(90, ge=1, description="How many days gateway calls stay in the audit.")
    usage_days: int = Field(
        400,
        ge=90,
        description="How many days daily sums are kept: of use, of gateway calls, of what accounts asked.",
    )
    webhook_log_days: int = Field(30, ge=1, description="How many days sent webhooks stay in the delivery log.")
    streams_per_user: int = Field(64, ge=1, description="How many files one user may be reading at the same time.")
    availability_probes_per_day: int = Field(
        0,
        ge=0,
        le=1000,
        description="How often a day an account without a cache check may be tried by adding a torrent, looking and "
        "removing it; 0 never.",
    )
    playback_adopts: bool = Field(
        default=True,
        description="Whether playback that falls over may add a torrent to another account of the same user which has "
        "it at once.",
    )
    blocklist: str = Field(
        "", description="File or URL of the operator's blocklist (hashes, hosts, names); see docs/blocklist.md."
    )
    blocklist_interval: float = Field(
        900.0,
        ge=300,
        description="Seconds between two looks at a blocklist behind a URL; a file is read within seconds.",
    )
    title_source: str = Field(
        "https://v3-cinemeta.strem.io",
        description="Cinemeta-compatible address that tells the titles of IMDb ids for the Stremio add-on; none "
        "asks nobody, and then only names that spell out their id are found.",
    )
    cascade_order: str = Field(
        "cached,torrin,pool,own,engines",
        description="Who is asked for a torrent, in order: the user's accounts that have it at once (cached), the "
        "user's Torrin (torrin), the shared pool (pool), the user's accounts that must download it (own), our own "
        "engines (engines). What is left out is not asked.",
    )
    pool_user: str = Field(
        "", description="Name of the user whose accounts are the pool that serves every user; empty for no pool."
    )
    pool_order: str = Field(
        "premiumize,torrin,torbox,realdebrid,alldebrid",
        description="Providers of the shared pool in the order in which they are asked; others are not used.",
    )
    recascade_stalled_seconds: float = Field(
        1_800.0, ge=0, description="How long a transfer may stand still before another way is looked for; 0 for ever."
    )
    recascade_queued_seconds: float = Field(
        3_600.0, ge=0, description="How long a transfer may wait for a slot at its provider before that; 0 for ever."
    )
    recascade_limited_seconds: float = Field(
        600.0, ge=0, description="How long a limit of the account may hold a transfer up before that; 0 for ever."
    )
    recascade_unreachable_seconds: float = Field(
        14_400.0,
        ge=0,
        description="How long an account may be out of reach before its jobs look for another way; 0 for ever.",
    )
    recascade_dead: bool = Field(
        default=True,
        description="Whether a job whose transfer the provider gave up on looks for another way; else it fails.",
    )
    recascade_tidy: bool = Field(
        default=False,
        description="Whether transfers that a job left behind are removed when the job is ready from elsewhere.",
    )
    recascade_leftover_seconds: float = Field(
        120.0,
        gt=0,
        description="After how long, and how often, a create without an answer or a transfer left behind is looked at.",
    )
    sync_missing_minutes: float = Field(
        10.0, ge=0, description="Minutes for which a transfer that its provider does not list any more is looked for."
    )
    sync_brake_count: int = Field(
        50, ge=0, description="Items of one account that may go missing within an hour; more wait for a confirmation."
    )
    sync_brake_share: float = Field(
        0.2, ge=0, le=1, description="Largest part of an account's items that may go missing within an hour."
    )
    sync_library_minutes: float = Field(
        60.0, ge=1, description="Minutes between two looks at the ready items of an account with nothing in flight."
    )
    removed_days: float = Field(
        30.0, ge=0, description="Days for which a removed item can be brought back before it goes for good."
    )
    crash_at: str = Field(
        "", description="For tests of crash safety only: the named point at which this process kills itself."
    )
    media_hours_max: float = Field(6.0, gt=0, description="Longest wall time of one media child process, in hours.")

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        self.data_dir = self.data_dir.expanduser().absolute()
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, then the TOML file that ``SLUICEGATE_CONFIG`` names."""
        del dotenv_settings, file_secret_settings
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if config := os.environ.get("SLUICEGATE_CONFIG"):
            sources = (*sources, TomlConfigSettingsSource(settings_cls, Path(config)))
        return sources

    @classmethod
    def load(cls, **overrides: Any) -> Self:  # noqa: ANN401 - command-line values, validated right here
        """The settings of this process; ``overrides`` that are None are left out."""
        return cls(**{name: value for name, value in overrides.items() if value is not None})
