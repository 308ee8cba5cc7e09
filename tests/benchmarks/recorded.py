"""What the benchmarks share: a record for the book, and Student's t."""
import json
import math
import os
import re
import subprocess
import time


def machine():
    """The processor, as the course's own programs name it in their records."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        found = re.search(r"model name\s*: (.*)", info.read())
    return f"{found.group(1).strip() if found else 'a processor'} ({os.cpu_count()} logical processors)"


def write(file, threads, seeds, scalars, tables):
    """Writes values as programs do with --record. scalars: {name: (value, unit)}; tables: {name: (columns, rows)}."""
    commit = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    found = {
        "commit": commit, "date": time.strftime("%Y-%m-%d"), "machine": machine(), "threads": threads, "seeds": seeds,
        "scalars": {name: {"value": value, "unit": unit} for name, (value, unit) in scalars.items()},
        "tables": {name: {"columns": columns, "rows": rows} for name, (columns, rows) in tables.items()},
    }
    with open(file + ".partial", "w", encoding="utf-8") as out:
        json.dump(found, out, indent=1)
    os.replace(file + ".partial", file)


def student(freedom, share=0.95):
    """How many standard errors the interval reaches to either side that holds the mean with this probability, by Student's t."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def within(limit):
        """The probability between -limit and limit, by Simpson's rule over the angle: x = sqrt(freedom) * tan(angle)."""
        last, pieces = math.atan(limit / math.sqrt(freedom)), 2000
        values = [scale * math.sqrt(freedom) * math.cos(last * i / pieces) ** (freedom - 1) for i in range(pieces + 1)]
        return 2 * last / pieces / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))

    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return high


def mean_and_half(values, share=0.95):
    """The mean, and half the width of its interval over runs of different seeds."""
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, student(len(values) - 1, share) * deviation / math.sqrt(len(values))
