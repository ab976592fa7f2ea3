"""What an operator can decide about the torrent engine: plain values that travel to the child process."""

from pathlib import Path

import msgspec

__all__ = ["SwarmOptions", "decode_options", "encode_options"]

_MIB = 1024 * 1024


class SwarmOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one engine. The defaults download at full speed, upload nothing and meet public addresses only.

    Attributes:
        folder: where transfers and their resume data live; one engine at a time holds it.
        listen: libtorrent's ``listen_interfaces``; port 0 takes any free port.
        upload_limit: bytes per second; 0 uploads nothing at all.
        download_limit: bytes per second; 0 is unlimited.
        max_active: transfers that download at the same time; the others wait in the queue.
        max_transfers: transfers that may exist at the same time.
        max_files: files that one torrent may have.
        max_bytes: size that the wanted files of one torrent may have; 0 is unlimited.
        disk_reserve: bytes that stay free on the disk whatever happens.
        sequential: fetch pieces in order, with the ends of the largest files early, so that players can begin.
        dht: use the distributed hash table.
        local_discovery: multicast to find peers in the local network.
        peer_exchange: learn peers from peers.
        port_mapping: ask the router for an open port (UPnP and NAT-PMP).
        outgoing_utp: try uTP before TCP; reaches a few more peers and is many times slower on short paths.
        allowed_networks: CIDR networks that may be met although the egress rules forbid them.
        stall_after: seconds without a byte after which a transfer counts as stalled.
        save_every: seconds between two savings of changed resume data.
        disk_every: seconds between two looks at the free space.
        bootstrap: ``host:port`` list for the distributed hash table, separated by commas.
    """

    folder: Path
    listen: str = "0.0.0.0:6881,[::]:6881"
    upload_limit: int = 0
    download_limit: int = 0
    max_active: int = 8
    max_transfers: int = 5_000
    max_files: int = 100_000
    max_bytes: int = 0
    disk_reserve: int = 512 * _MIB
    sequential: bool = False
    dht: bool = True
    local_discovery: bool = False
    peer_exchange: bool = True
    port_mapping: bool = False
    outgoing_utp: bool = False
    allowed_networks: tuple[str, ...] = ()
    stall_after: float = 15.0
    save_every: float = 3.0
    disk_every: float = 5.0
    bootstrap: str = "dht.libtorrent.org:25401,router.bittorrent.com:6881,dht.transmissionbt.com:6881"


def encode_options(options: SwarmOptions) -> bytes:
    """One line of JSON without its end."""
    return msgspec.json.encode(options, enc_hook=str)


def decode_options(line: bytes) -> SwarmOptions:
    """The options again."""
    return msgspec.json.decode(line, type=SwarmOptions, dec_hook=lambda kind, value: kind(value))
