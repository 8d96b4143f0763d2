"""The fuzz report: what was sent, what it was answered with, and what was found, as lines of Markdown."""

from __future__ import annotations

from collections import Counter

from tests.fuzz.campaign import ATTACKERS, Fuzzed

MIB = 2**20
SHOWN = 20  # findings that are told one by one
HELD = (
    "every malformed frame is answered, in order, and none ends its connection",
    "every frame that breaks the websocket's rules ends its own connection, at once",
    "no answer is a fault of the service, and no line of its log is one",
    "the process lives, is ready, and ends cleanly when it is told to",
    "memory and open handles are as they were after the first tenth",
    "the neighbour is answered at every step; each of its readings is recorded once, with its value, at its step",
    "the neighbour's forecast is that of `/v1/predict` over its readings",
    "there is no session that nobody made, and none is gone",
)


def report(command: str, where: str, fuzzed: Fuzzed) -> list[str]:
    seen = fuzzed.seen
    lines = [
        "# Fuzz",
        "",
        f"`{command}`: a real service, {ATTACKERS} hostile clients at once that send malformed frames, break the rules",
        "of websockets and of HTTP, and leave in the middle; and beside them a neighbour that streams good readings.",
        "",
        where,
        "",
        "| | |",
        "| --- | ---: |",
        f"| malformed frames | **{seen.total:,}** |",
        f"| of these, malformed in content | {seen.frames.total():,} |",
        f"| of these, against the websocket's rules | {seen.breaches.total():,} |",
        f"| requests that are none, beside them | {seen.requests.total():,} |",
        f"| time in all | {fuzzed.seconds:.0f} s |",
        f"| malformed frames per second | {fuzzed.rate:,.0f} |",
        f"| slowest answer to frames sent together | {seen.slowest:.2f} s |",
        f"| readings of the neighbour meanwhile | {fuzzed.neighbours:,} |",
        f"| slowest answer to the neighbour | {fuzzed.slowest:.2f} s |",
        f"| memory (resident), after the first tenth and at the end | {_pair(m / MIB for m in fuzzed.memory)} MiB |",
        f"| open files and connections, likewise | {_pair(fuzzed.handles)} |",
        f"| the service's log, from warnings on | {fuzzed.log:,} bytes |",
        "",
    ]
    if fuzzed.found:
        lines += [f"**{len(fuzzed.found)} findings:**", "", *(f"* {each}" for each in fuzzed.found[:SHOWN]), ""]
    else:
        lines += ["Nothing was found against any of these:", "", *(f"* {each}" for each in HELD), ""]
    lines += ["## What was sent, and what it was answered with", ""]
    lines += _counts("malformed in content", "frames", seen.frames)
    lines += _counts("answered with", "frames", seen.codes)
    lines += ["`none` is a frame that is a good one after all, such as one with a bit flipped in a number.", ""]
    lines += _counts("against the websocket's rules", "connections", seen.breaches)
    lines += _counts("closed with", "connections", seen.closes)
    lines += _counts("requests", "number", seen.requests)
    lines += _counts("answered with", "requests", seen.statuses)
    lines += ["Where the client has gone before it could be answered, or what came is no HTTP, there is `no answer`."]
    return lines


def _pair(values: object) -> str:
    return ", ".join(f"{value:,.0f}" for value in values)  # type: ignore[attr-defined]


def _counts(name: str, of: str, counter: Counter[str]) -> list[str]:
    return [
        f"| {name} | {of} |",
        "| --- | ---: |",
        *(f"| {key} | {count:,} |" for key, count in counter.most_common()),
        "",
    ]
