"""`python -m bench`: the measurements that need no outside data, and how to run the others."""

from __future__ import annotations

from bench import min_gru, monitor, step


def main() -> None:
    step.main()
    print("\nWatching a training step:")
    monitor.main()
    print("\nTraining by a parallel scan:")
    min_gru.main()
    print("\nThe running service, against its goals:")
    print("  python -m bench.deploy       answers while a new model is brought up; bench.turns, what the engine takes")
    print("  python -m bench.service      every row; each has a command of its own too, --help lists them")
    print("\nThrough the client library:")
    print("  python -m bench.client       what it costs a reading, against a generator that does no more than it must")
    print("  python -m bench.restart      starting again over a million sessions, and after a kill -9")
    print("\nThe journal in Redis (needs a server):")
    print("  python -m bench.redis_journal redis://127.0.0.1:6390/0")
    print("  python -m bench.replicas     a service over Redis beside SQLite, and requests that do not stick")
    print("\nBeside the kernel of the step:")
    print("  python -m bench.tried        ONNX Runtime, torch's compiler, bfloat16, int8: time, and how far off")
    print("\nBeside other servers and libraries (`make bench-peers`):")
    print("  python -m bench.peers        installs them and asks all the same; --help lists them")
    print("\nOn a CUDA device:")
    print("  python -m bench.cuda          a step of up to a million resident sessions beside its floor")
    print("\nWhat a forecast is worth beside its errors:")
    print("  python -m bench.short        young sessions: bands and errors after 1, 2, 3, … readings")
    print("  python -m bench.sums         how often the band of a sum over the horizon covers, and what it costs")
    print("\nForecast quality (needs the data sets, GATECAST_DATA=folder):")
    print("  python -m bench.accuracy     every set by its protocol, beside goals, published figures, other libraries")
    print("  python -m bench.accuracy.race  seconds of training to a scaled error of 0.9 on M4 Hourly")
    print("  python -m bench.padding      batching of ragged series: padding, time, loss after equal time")
    print("  python -m bench.compare      GRU beside LSTM on M4 Hourly: cost, error, significance")


if __name__ == "__main__":
    main()
