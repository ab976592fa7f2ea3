"""``debug.upstream`` holds what a provider said, without credentials and without the person's name."""

from sluicegate.surfaces.gateway.debug import scrubbed


def test_credentials_and_names_are_masked_wherever_they_are():
    said = {
        "id": 7,
        "base_email": "a@b.example",
        "auth_id": "x",
        "data": [{"url": "https://cdn.example/f?t=token-of-the-user", "apikey": "k", "size": 3, "ok": True}],
    }
    assert scrubbed(said, ["token-of-the-user"]) == {
        "id": 7,
        "base_email": "[REDACTED]",
        "auth_id": "[REDACTED]",
        "data": [{"url": "https://cdn.example/f?t=[REDACTED]", "apikey": "[REDACTED]", "size": 3, "ok": True}],
    }


def test_a_document_without_end_is_cut():
    deep: dict = {}
    inner = deep
    for _ in range(100):
        inner["a"] = {}
        inner = inner["a"]
    assert "[REDACTED]" in str(scrubbed(deep, []))
