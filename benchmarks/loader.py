"""Decoding ahead against decoding alone, and the memory that an archive of 1.2 million images takes.

First an archive of photographs (500 x 375, about 90 kB) is decoded to 224 x 224 on all cores in three ways, in turns:
by processes that do nothing else, by threads that do nothing else, and by the loader that training uses. Then an
archive of 1.2 million small images is indexed, split, compared for duplicates and streamed from in a process of its
own, whose peak memory is taken. Targets: the loader has 0.9 of the speed of the processes; the million takes less than
a gigabyte more than a process that has imported the same modules.

    ./run bench loader [IMAGES_PER_ROUND] [ROUNDS] [IMAGES_IN_THE_LARGE_ARCHIVE]
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

import numpy as np
import torch
from _photographs import numbered, photograph, write_tar
from _yard import ROOT, machine

from models.formats.decoding import Shape
from models.formats.image_files import ImageFiles
from models.formats.images import read_images
from models.formats.options import ImagesOptions
from worker.training.data.pictures import Pictures

NUM_DISTINCT = 64
BATCH = 128
LEAST_RATIO = 0.9
MOST_BYTES = 1 << 30
CPU = torch.device("cpu")

MEASURE_MILLION = """
import json, resource, sys, time
from contextlib import closing
from pathlib import Path
import torch
from models.formats.images import read_images
from models.formats.options import ImagesOptions
from models.spec import parse
from worker.training.data import prepare
from worker.training.plan import Plan
from worker.training.rows import StreamedRows, batches

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

imported, began = peak(), time.perf_counter()
source = read_images(Path(sys.argv[1]), ImagesOptions())
indexed = time.perf_counter() - began
spec = parse({"data": {"dataset": "ds_large"}, "task": "classification", "resources": {"images": "files"},
              "preprocessing": {"image": {"size": [32, 32], "channels": 3}}})
began = time.perf_counter()
data = prepare(spec, source, device=torch.device("cpu"))
prepared = time.perf_counter() - began
rows = StreamedRows({}, data.train.targets, is_ready=False, pictures=data.train.pictures)
plan = Plan(num_rows=len(rows), batch_size=256, epochs=1)
began, num = time.perf_counter(), 0
with closing(batches(rows, plan, seed=0, epoch=0, start=0)) as walk:
    for batch in walk:
        num += len(batch)
        if num >= 50_000:
            break
print(json.dumps({"imported": imported, "peak": peak(), "indexed": indexed, "prepared": prepared, "rows": len(source),
                  "train": len(rows), "per_second": num / (time.perf_counter() - began)}))
"""


def main() -> int:
    """Measure, print, and say by the exit status whether the targets are met."""
    per_round, rounds, num_large = ([int(word) for word in sys.argv[1:]] + [400, 7, 1_200_000][len(sys.argv) - 1 :])[:3]
    print(machine())
    room = ROOT / ".trainyard"  # a temporary folder of the system is often memory
    room.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=room) as folder:
        ratio = compare(Path(folder) / "photographs.tar", per_round=per_round, rounds=rounds)
        extra = million(Path(folder) / "large.tar", num=num_large) if num_large else 0
    met = ratio >= LEAST_RATIO and extra < MOST_BYTES
    print(f"target loader >= {LEAST_RATIO} of decoding alone, < {MOST_BYTES >> 20} MB:", "met" if met else "missed")
    return 0 if met else 1


def compare(path: Path, *, per_round: int, rounds: int) -> float:
    """The speed of the loader as a share of that of processes which only decode: the median over rounds."""
    write_tar(path, numbered([photograph(seed) for seed in range(NUM_DISTINCT)], num=per_round))
    source = read_images(path, ImagesOptions())
    num_threads = len(_cores())
    pictures = Pictures(
        source, np.arange(len(source)), np.zeros(len(source), np.uint64), Shape(224, 224, 3), num_threads=num_threads
    )
    ways: dict[str, Callable[[Pictures], float]] = {
        "processes": by_processes,
        "threads": by_threads,
        "loader": by_loader,
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            speeds[name].append(per_round / way(pictures))
    size = path.stat().st_size // per_round
    print(
        f"photographs of {size:,} bytes to 224 x 224 on {num_threads} cores, {rounds} rounds of {per_round}, in turns"
    )
    for name, values in speeds.items():
        print(f"  {name:<10} {median(values):8.1f} images/s   ({min(values):.1f} to {max(values):.1f})")
    shares = {
        rival: median(mine / theirs for mine, theirs in zip(speeds["loader"], speeds[rival], strict=True))
        for rival in ("processes", "threads")
    }
    print(f"  loader / processes {shares['processes']:.3f}   loader / threads {shares['threads']:.3f}")
    return shares["processes"]


def by_loader(pictures: Pictures) -> float:
    """Seconds to load every image in batches."""
    began = time.perf_counter()
    with closing(pictures.in_order(BATCH, device=CPU)) as batches:
        for _ in batches:
            pass
    return time.perf_counter() - began


def by_threads(pictures: Pictures) -> float:
    """Seconds of threads that decode a share each, and put it nowhere."""
    shares = np.array_split(np.arange(len(pictures)), pictures.num_threads)
    workers = [threading.Thread(target=_decode, args=(pictures.source, share, pictures.shape)) for share in shares]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def by_processes(pictures: Pictures) -> float:
    """Seconds of processes that decode a share each, from when all of them stand ready."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(pictures.num_threads + 1)

    def work(share: np.ndarray) -> None:
        ready.wait()
        _decode(pictures.source, share, pictures.shape)

    shares = np.array_split(np.arange(len(pictures)), pictures.num_threads)
    workers = [context.Process(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def million(path: Path, *, num: int) -> int:
    """The bytes that indexing and streaming a very large archive takes beyond what importing the modules takes."""
    distinct = [photograph(seed, width=32, height=32, quality=60) for seed in range(NUM_DISTINCT)]
    write_tar(path, numbered(distinct, num=num))
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE_MILLION, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(answer.stdout)
    extra = int(found["peak"] - found["imported"])
    print(f"an archive of {found['rows']:,} images ({path.stat().st_size:,} bytes)")
    print(f"  indexed in {found['indexed']:.1f} s, compared, split and measured in {found['prepared']:.1f} s")
    print(f"  {found['per_second']:.0f} images/s of 32 x 32 while an epoch of {found['train']:,} is streamed")
    print(f"  peak memory {found['peak'] >> 20} MB, {extra >> 20} MB more than the imports take")
    return extra


def _decode(source: ImageFiles, share: np.ndarray, shape: Shape) -> None:
    for row in share.tolist():
        source.decode(row, shape)


def _cores() -> range:
    return range(max(1, torch.get_num_threads()))


if __name__ == "__main__":
    sys.exit(main())
