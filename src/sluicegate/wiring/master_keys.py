"""Where this installation's master key is."""

from typing import Final

from sluicegate.core.errors import InvalidInput
from sluicegate.services.vault_keys import GivenKeys, KeyFiles, MasterKeys, parse_key
from sluicegate.settings import Settings

__all__ = ["MASTER_KEY_FILE", "master_keys_of"]

MASTER_KEY_FILE: Final = "master.key"


def master_keys_of(settings: Settings) -> MasterKeys:
    """The master keys of the settings, else those in the data folder, where the first one is made when there is none.

    Raises:
        InternalError: a key is malformed.
        InvalidInput: a next key is given for a key that lies in a file.
    """
    following = settings.master_key_next
    if settings.master_key is not None:
        current = parse_key(settings.master_key.get_secret_value())
        return GivenKeys(current, parse_key(following.get_secret_value()) if following else None)
    if following is not None:
        raise InvalidInput(
            "SLUICEGATE_MASTER_KEY_NEXT is set, but the master key lies in the data folder.",
            action="Remove SLUICEGATE_MASTER_KEY_NEXT: 'sluicegate rotate-master-key' makes a new key by itself.",
        )
    files = KeyFiles(settings.data_dir / MASTER_KEY_FILE)
    files.ensure()
    return files
