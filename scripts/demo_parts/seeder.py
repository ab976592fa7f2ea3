"""A BitTorrent seeder on the loopback, in a process of its own: ``python -m demo_parts.seeder TORRENT FOLDER PORT``.

Prints ``seeding`` when it is ready; ends when its standard input is closed.
"""

import sys
import time

import libtorrent as lt


def main() -> None:
    """Seeds until told to stop."""
    torrent, folder, port = sys.argv[1:]
    session = lt.session(
        {
            "listen_interfaces": f"127.0.0.1:{port}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "allow_multiple_connections_per_ip": True,
            "send_buffer_watermark": 8 << 20,
            "send_buffer_low_watermark": 1 << 20,
            "alert_mask": 0,
        }
    )
    parameters = lt.add_torrent_params()
    parameters.ti = lt.torrent_info(torrent)
    parameters.save_path = folder
    handle = session.add_torrent(parameters)
    deadline = time.monotonic() + 60
    while not handle.status().is_seeding:
        if time.monotonic() > deadline:
            sys.exit("the seeder could not check its files")
        time.sleep(0.05)
    print("seeding", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
