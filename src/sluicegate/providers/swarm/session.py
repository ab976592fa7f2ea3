"""How transfers enter libtorrent: the session, and the parameters one torrent is added with."""

from pathlib import Path
from typing import Any, Final

import libtorrent as lt

from sluicegate.core.errors import UnsafeSource
from sluicegate.providers.swarm.addresses import AddressRules
from sluicegate.providers.swarm.download import Download
from sluicegate.providers.swarm.options import SwarmOptions
from sluicegate.providers.swarm.records import Records
from sluicegate.providers.swarm.tuning import local_peer_class, session_settings, torrent_flags

__all__ = ["Session"]

_LIMITS: Final[Any] = {"max_buffer_size": 16 * 1024 * 1024, "max_decode_depth": 100, "max_decode_tokens": 2_000_000}
_NODES: Final = "dht.state"
_FETCH: Final = 4
_SKIP: Final = 0
_FIRST: Final = 7
_ENDS_OF_FILES: Final = 20
_END_BYTES: Final = 2 * 1024 * 1024


class Session:
    """libtorrent's session with our settings, our address rules and our folder layout."""

    def __init__(self, options: SwarmOptions, records: Records) -> None:
        self._options = options
        self._records = records
        self.rules = AddressRules(options.allowed_networks)
        self.engine = lt.session(self._params())
        self.engine.set_ip_filter(self.rules.ip_filter())
        self.engine.set_peer_class(lt.session.local_peer_class_id, local_peer_class(options))

    def add(self, download: Download) -> lt.torrent_handle:
        """Gives a transfer to libtorrent: with its files when they are known, else to find out what they are.

        Raises:
            UnsafeSource: libtorrent refuses it.
        """
        params = self._torrent(download)
        params.save_path = str(self._records.path(download.record))
        params.flags = torrent_flags(self._options)
        source = download.record.source
        params.trackers = self.rules.trackers(dict.fromkeys([*params.trackers, *source.trackers]))
        params.tracker_tiers = list(range(len(params.trackers)))
        params.url_seeds = self.rules.web_seeds(dict.fromkeys([*params.url_seeds, *source.web_seeds]))
        params.peers = [*params.peers, *download.endpoints, *self.rules.peers(source.peers)]
        if download.content is None:
            params.flags |= lt.torrent_flags.default_dont_download
        else:
            self._lay_out(params, download)
        try:
            handle = self.engine.add_torrent(params)
        except RuntimeError as cause:
            raise UnsafeSource(f"The torrent engine refuses it: {cause}.") from cause
        download.handle = handle
        download.ends_wanted = self._options.sequential
        download.restarted()
        return handle

    def drop(self, download: Download, *, delete: bool = False) -> None:
        """Takes a transfer out of libtorrent."""
        if download.handle is not None:
            self.engine.remove_torrent(download.handle, lt.session.delete_files if delete else 0)
        download.handle = None
        download.status = None

    def info(self, download: Download) -> lt.torrent_info | None:
        """The metadata of a transfer that libtorrent does not have, from what is on disk."""
        return self._torrent(download).ti

    def keep_info(self, download: Download, info: lt.torrent_info) -> None:
        """Writes fetched metadata down, so that it is fetched once."""
        params = lt.parse_magnet_uri(_magnet(download))
        params.info_hashes = info.info_hashes()
        params.ti = info
        self._records.save_resume(download.record, lt.write_resume_data_buf(params))

    def introduce(
        self, download: Download, trackers: tuple[str, ...], seeds: tuple[str, ...], peers: tuple[str, ...]
    ) -> None:
        """Tells a running transfer about further places to ask."""
        if download.handle is None:
            return
        for url in self.rules.trackers(trackers):
            download.handle.add_tracker({"url": url, "tier": 0})
        for url in self.rules.web_seeds(seeds):
            download.handle.add_url_seed(url)
        for peer in self.rules.peers(peers):
            download.handle.connect_peer(peer)

    def choose(self, download: Download) -> None:
        """Applies the chosen files to a running transfer."""
        if download.handle is not None and download.content is not None:
            download.handle.prioritize_files(_priorities(download))

    def prefer_ends(self, download: Download) -> None:
        """Fetches the ends of the largest files early: that is where players look for the index."""
        info = download.handle.torrent_file() if download.handle is not None else None
        if download.handle is None or info is None or download.content is None:
            return
        layout, length = info.layout(), info.piece_length()
        wanted = [entry for entry in download.content.entries if download.record.wants(entry.index) and entry.size]
        for entry in sorted(wanted, key=lambda entry: entry.size, reverse=True)[:_ENDS_OF_FILES]:
            stop = layout.file_offset(entry.index) + entry.size
            first = (stop - min(_END_BYTES, entry.size // 8)) // length
            for piece in range(first, (stop - 1) // length + 1):
                download.handle.piece_priority(piece, _FIRST)
        download.ends_wanted = False

    def save_nodes(self) -> None:
        """Keeps the distributed hash table's neighbours for the next start."""
        state = self.engine.session_state(lt.save_state_flags_t.save_dht_state)
        (self._records.root / _NODES).write_bytes(lt.write_session_params_buf(state))

    def _params(self) -> lt.session_params:
        params = lt.session_params()
        nodes = Path(self._records.root / _NODES)
        if self._options.dht and nodes.exists():
            try:
                params = lt.read_session_params(nodes.read_bytes())
            except (RuntimeError, OSError):
                nodes.unlink(missing_ok=True)
        params.settings = session_settings(self._options)
        return params

    def _torrent(self, download: Download) -> lt.add_torrent_params:
        """Parameters from resume data, else from the ``.torrent``, else from the magnet."""
        if resume := self._records.resume(download.record):
            try:
                return lt.read_resume_data(resume, _LIMITS)
            except RuntimeError:
                pass  # written by another version or damaged: the files on disk are checked instead
        try:
            torrent = self._records.torrent(download.record)
            if torrent is not None:
                return lt.load_torrent_buffer(torrent, _LIMITS)
            return lt.parse_magnet_uri(_magnet(download))
        except RuntimeError as cause:
            raise UnsafeSource(f"The torrent engine cannot read it: {cause}.") from cause

    def _lay_out(self, params: lt.add_torrent_params, download: Download) -> None:
        """Names every file on disk by its index and fetches the wanted ones only."""
        content = download.content
        assert content is not None  # noqa: S101 - checked by the caller
        params.renamed_files = {index: f"data/{index:06d}" for index in range(content.total)}
        params.file_priorities = _priorities(download)


def _priorities(download: Download) -> list[int]:
    assert download.content is not None  # noqa: S101 - checked by the caller
    priorities = [_SKIP] * download.content.total
    for entry in download.content.entries:
        priorities[entry.index] = _FETCH if download.record.wants(entry.index) else _SKIP
    return priorities


def _magnet(download: Download) -> str:
    source = download.record.source
    topics = []
    if source.info_hash_v2 is None or not source.info_hash_v2.startswith(source.info_hash):
        topics.append(f"xt=urn:btih:{source.info_hash}")
    if source.info_hash_v2 is not None:
        topics.append(f"xt=urn:btmh:1220{source.info_hash_v2}")
    return "magnet:?" + "&".join(topics)
