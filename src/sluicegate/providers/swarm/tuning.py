"""libtorrent's settings for our options, measured on loopback (docs/adr/0005-torrents.md holds the figures)."""

from typing import Any, Final

import libtorrent as lt

from sluicegate.providers.swarm.options import SwarmOptions

__all__ = ["local_peer_class", "session_settings", "torrent_flags"]

_MIB: Final = 1024 * 1024

_SPEED: Final[dict[str, Any]] = {
    # uTP yields to other traffic by design and its small packets cost most of the CPU: 12 MiB/s instead of 150.
    "mixed_mode_algorithm": 0,
    # Enough outstanding requests for 100 MiB/s at 20 ms: 500 blocks of 16 KiB (the default) are 8 MiB.
    "max_out_request_queue": 2_000,
    "max_allowed_in_request_queue": 4_000,
    "request_queue_time": 10,
    "send_buffer_low_watermark": _MIB,
    "send_buffer_watermark": 8 * _MIB,
    "send_buffer_watermark_factor": 150,
    # Two cores are the usual machine; more threads only take turns.
    "aio_threads": 4,
    "hashing_threads": 2,
    "connection_speed": 50,
    "torrent_connect_boost": 50,
    "smooth_connects": False,
    # Several seeders behind one address are normal in laboratories, homes and at seedbox hosters.
    "allow_multiple_connections_per_ip": True,
    "max_queued_disk_bytes": 32 * _MIB,
    "peer_connect_timeout": 10,
    "min_reconnect_time": 10,
    "auto_manage_interval": 5,
    "file_pool_size": 64,
}

_MANNERS: Final[dict[str, Any]] = {
    "user_agent": "Sluicegate",
    "announce_to_all_tiers": True,
    "announce_to_all_trackers": False,
    "connections_limit": 400,
    "alert_queue_size": 20_000,
    "max_metadata_size": 16 * _MIB,
    "metadata_token_limit": 2_000_000,
    "tick_interval": 250,
    "optimistic_disk_retry": 30,
    "stop_tracker_timeout": 1,
    "close_redundant_connections": True,
}

_SAFETY: Final[dict[str, Any]] = {
    "ssrf_mitigation": True,
    "allow_idna": False,
    "apply_ip_filter_to_trackers": True,
    "apply_filter_to_dht": True,
    "validate_https_trackers": True,
    "no_connect_privileged_ports": True,
}


def local_peer_class(options: SwarmOptions) -> Any:  # noqa: ANN401 - a dictionary that libtorrent names in its stubs only
    """Limits for peers of the local network, which libtorrent else unchokes beyond every slot and slows never."""
    return {
        "label": "local",
        "ignore_unchoke_slots": False,
        "connection_limit_factor": 100,
        "upload_limit": options.upload_limit,
        "download_limit": options.download_limit,
        "upload_priority": 1,
        "download_priority": 1,
    }


def session_settings(options: SwarmOptions) -> Any:  # noqa: ANN401 - as above
    """The settings pack of a session."""
    category = lt.alert.category_t
    failures = category.error_notification | category.storage_notification
    return {
        **_SPEED,
        **_MANNERS,
        **_SAFETY,
        **_upload(options.upload_limit),
        "alert_mask": failures | category.status_notification | category.connect_notification,
        "listen_interfaces": options.listen,
        "download_rate_limit": options.download_limit,
        "active_downloads": options.max_active,
        "active_seeds": options.max_active,
        "active_checking": 2,
        "active_limit": 4 * options.max_active,
        "enable_dht": options.dht,
        "dht_bootstrap_nodes": options.bootstrap if options.dht else "",
        "enable_lsd": options.local_discovery,
        "enable_upnp": options.port_mapping,
        "enable_natpmp": options.port_mapping,
        "enable_outgoing_utp": options.outgoing_utp,
    }


def torrent_flags(options: SwarmOptions) -> int:
    """The flags every torrent is added with."""
    flags: int = lt.torrent_flags.auto_managed | lt.torrent_flags.update_subscribe | lt.torrent_flags.apply_ip_filter
    flags |= lt.torrent_flags.override_trackers | lt.torrent_flags.override_web_seeds
    if options.sequential:
        flags |= lt.torrent_flags.sequential_download
    if not options.peer_exchange:
        flags |= lt.torrent_flags.disable_pex
    return flags


def _upload(limit: int) -> dict[str, Any]:
    """Uploading nothing means that nobody is ever unchoked; requests, haves and messages flow as the protocol wants."""
    if limit:
        return {"upload_rate_limit": limit, "unchoke_slots_limit": 8, "allowed_fast_set_size": 5}
    return {
        "upload_rate_limit": 0,
        "unchoke_slots_limit": 0,
        "num_optimistic_unchoke_slots": 0,
        "allowed_fast_set_size": 0,
    }
