# SPDX-License-Identifier: BSD-2-Clause
"""Writes the archives that Linux unpacks at its start: cpio, format "newc".

Linux documentation, "initramfs buffer format". Several archives may follow each other; a file of a
later one replaces that of an earlier.
"""

from __future__ import annotations

_FOLDER, _FILE, _LINK = 0o040755, 0o100644, 0o120777
_ALIGNMENT = 4
_HEADER = 110
_TRAILER = "TRAILER!!!"


def _padding(length: int) -> bytes:
    return bytes(-length % _ALIGNMENT)


class Archive:
    """Files by their path in the root file system, without its first slash; folders come along."""

    def __init__(self) -> None:
        self._folders: set[str] = set()
        self._parts: list[bytes] = []
        self._count = 0

    def _add(self, path: str, mode: int, data: bytes) -> None:
        self._count += 1
        name = path.encode() + b"\0"
        links, time, device = 1, 0, 0
        fields = (self._count, mode, 0, 0, links, time, len(data))
        fields += (device, device, device, device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._parts += [header, name, _padding(_HEADER + len(name)), data, _padding(len(data))]

    def folder(self, path: str) -> None:
        if path in self._folders:
            return
        self._parents(path)
        self._folders.add(path)
        self._add(path, _FOLDER, b"")

    def _parents(self, path: str) -> None:
        above = path.rpartition("/")[0]
        if above:
            self.folder(above)

    def file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        self._parents(path)
        self._add(path, _FILE | (0o111 if executable else 0), data)

    def link(self, path: str, target: str) -> None:
        self._parents(path)
        self._add(path, _LINK, target.encode())

    def bytes(self) -> bytes:
        """The archive; nothing can be added after this."""
        self._add(_TRAILER, 0, b"")
        return b"".join(self._parts)
