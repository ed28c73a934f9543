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

    def put_last(self, name: str, size: int, limit: int) -> int:
        """Return the highest address below ``limit`` at which ``size`` words are free.

        Where none is, they lie beyond.
        """
        end = limit
        for begin, length in sorted(self.held.values(), reverse=True):
            if end - (begin + length) >= size:
                break
            end = min(end, begin)
        base = end - size if end >= size else limit
        self.held[name] = (base, size)
        self.words = max(self.words, base + size)
        return base

    def drop(self, name: str) -> None:
        """Free a map's place."""
        del self.held[name]
