"""Where maps lie, and when their place is free again."""

from dataclasses import dataclass, field


@dataclass
class MapMemory:
    """Where maps lie: each until nothing takes it any more."""

    words: int = 0
    held: dict[str, tuple[int, int]] = field(default_factory=dict)

    def put(self, name: str, size: int) -> int:
        """Return the lowest address at which ``size`` words are free."""
        base = 0
        for begin, length in sorted(self.held.values()):
            if begin - base >= size:
                break
            base = max(base, begin + length)
        self.held[name] = (base, size)
        self.words = max(self.words, base + size)
        return base

    def drop(self, name: str) -> None:
        """Free a map's place."""
        del self.held[name]
