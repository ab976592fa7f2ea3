"""Settings of the embedded PostgreSQL: durable, and small enough for a machine that mostly waits."""

from pathlib import Path
from typing import Final

__all__ = ["render"]

_SETTINGS: Final = {
    # Reached over the Unix socket only; its folder and file are closed to other users, so trust is enough.
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    # Durable: a committed job survives a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Small.
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_buffers": "1MB",
    "temp_buffers": "1MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "2",
    # No replicas: less log to write, and no process that waits for them.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "wal_compression": "on",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "checkpoint_timeout": "15min",
    # A dead client's locks are released soon.
    "tcp_keepalives_idle": "60",
    "client_connection_check_interval": "10s",
    # Values never reach the log: no statements, no DETAIL lines, no parameters.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "'%m [%p] '",
    "log_checkpoints": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}


def render(socket_dir: Path) -> str:
    """The whole ``postgresql.conf`` for a server that listens in ``socket_dir``."""
    quoted = str(socket_dir).replace('"', '""').replace("'", "''")
    lines = [f"{name} = {value}" for name, value in _SETTINGS.items()]
    return (
        "\n".join(("# Written by Sluicegate at every start; changes here are lost.", *lines))
        + f"\nunix_socket_directories = '\"{quoted}\"'\n"
    )
