"""The weights port: where words go, and when a set takes effect."""

import random

import pytest

from hw.line.weights_port import BankSwitch, WeightsPort


@pytest.mark.parametrize(
    ("channels", "words", "length", "stride"), [(1, 2, 2, 2), (3, 5, 5, 6), (2, 8, 5, 8)]
)
@pytest.mark.parametrize("scale_bits", [0, 7])
def test_words_go_where_they_belong(simulate, channels, words, length, stride, scale_bits) -> None:
    dut = WeightsPort(
        channels=channels,
        words=words,
        length=length,
        coefficient_bits=6,
        start_bits=9,
        scale_bits=scale_bits,
        stride=stride,
    )
    chance = random.Random(words)
    beats = [
        {"coefficient": chance.getrandbits(6), "start": chance.getrandbits(9)}
        | {"scale": chance.getrandbits(scale_bits) if scale_bits else 0}
        for _ in range(2 * channels * words)
    ]
    written: dict[str, list[dict[int, int]]] = {}

    async def testbench(ctx):
        ctx.set(dut.kernel_idle, 1)
        for index, beat in enumerate(beats):
            last = (index + 1) % (channels * words) == 0
            await present(ctx, dut, beat | {"last": last}, chance, written)

    simulate(dut, testbench)
    # The first set goes to the bank that is not read at first.
    for number, bank in enumerate((1, 0)):
        first = number * channels * words
        want: dict[str, dict[int, int]] = {"coefficients": {}, "starts": {}, "scales": {}}
        for index, beat in enumerate(beats[first : first + channels * words]):
            channel, word = divmod(index, words)
            want["coefficients"][channel * stride + word] = beat["coefficient"]
            if word < length:
                want["starts"][channel * length + word] = beat["start"]
            want["scales"][channel] = beat["scale"]  # the channel's last one stays
        assert {name: banks[bank] for name, banks in written.items()} == want


async def present(ctx, dut, beat, chance, written) -> None:
    """Present ``beat`` after a while until it is taken, and note what is written then."""
    for name, value in beat.items():
        ctx.set(getattr(dut.w.payload, name), value)
    await ctx.tick().repeat(chance.randrange(1, 4))
    ctx.set(dut.w.valid, 1)
    for _ in range(20):
        taken = ctx.get(dut.w.ready)
        for name in ("coefficients", "starts", "scales"):
            load = getattr(dut, name)
            if ctx.get(load.en):
                assert taken
                bank = written.setdefault(name, [{}, {}])[ctx.get(load.write_bank)]
                assert ctx.get(load.addr) not in bank
                bank[ctx.get(load.addr)] = ctx.get(load.data)
        await ctx.tick()
        assert not ctx.get(dut.event_last_unexpected)
        assert not ctx.get(dut.event_last_missing)
        if taken:
            break
    assert taken
    ctx.set(dut.w.valid, 0)


def test_switch_waits_for_both_readers(simulate) -> None:
    dut = BankSwitch()

    async def cycle(ctx, **inputs: int) -> tuple[int, ...]:
        for name in ("full", "kernel_frame", "kernel_idle", "output_frame"):
            ctx.set(getattr(dut, name), inputs.get(name, 0))
        await ctx.tick()
        names = ("available", "writable", "kernel_bank", "output_bank")
        return tuple(ctx.get(getattr(dut, name)) for name in names)

    async def testbench(ctx):
        async def idle(*states: tuple[int, ...]) -> None:
            for state in states:
                assert await cycle(ctx) == state

        assert await cycle(ctx, kernel_idle=1) == (0, 1, 0, 0)
        assert await cycle(ctx, full=1, kernel_idle=1) == (0, 0, 0, 0)
        assert await cycle(ctx, kernel_idle=1) == (1, 0, 1, 0)
        await idle((1, 0, 1, 0), (1, 0, 1, 0), (1, 1, 1, 1))
        # A set in the middle of a frame waits for the kernels' reader, then for the output's.
        assert await cycle(ctx, full=1) == (1, 0, 1, 1)
        assert await cycle(ctx) == (1, 0, 1, 1)
        assert await cycle(ctx, kernel_frame=1) == (1, 0, 0, 1)
        # Frames of the new set that begin do not count for the old one.
        assert await cycle(ctx, kernel_frame=1) == (1, 0, 0, 1)
        await idle((1, 0, 0, 1), (1, 0, 0, 1), (1, 0, 0, 1))
        assert await cycle(ctx, output_frame=1) == (1, 1, 0, 0)
        assert await cycle(ctx, output_frame=1) == (1, 1, 0, 0)
        # The output's reader ends its frame right after the kernels' reader changed banks.
        assert await cycle(ctx, full=1) == (1, 0, 0, 0)
        assert await cycle(ctx, kernel_frame=1) == (1, 0, 1, 0)
        assert await cycle(ctx, output_frame=1) == (1, 0, 1, 0)
        await idle((1, 0, 1, 0), (1, 1, 1, 1))
        # Both readers at the end of a frame in the same cycle.
        assert await cycle(ctx, full=1) == (1, 0, 1, 1)
        assert await cycle(ctx, kernel_frame=1, output_frame=1) == (1, 0, 0, 1)
        await idle((1, 0, 0, 1), (1, 0, 0, 1), (1, 1, 0, 0))

    simulate(dut, testbench)
