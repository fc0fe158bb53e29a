#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the direction of includes, the one home of each third-party header (src/README.md), and
the size of files."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAGES = {"record", "route", "sink", "position"}
# folder -> folders of src/ whose headers it may include (include/sluice/ is open to all)
ALLOWED = {
    "base": {"base"},
    "ops": {"base", "ops"},
    "config": {"base", "ops", "config"},
    "net": {"base", "ops", "net"},
    "kafka": {"base", "ops", "net", "kafka"},
    **{stage: {"base", "ops", "config", stage} for stage in STAGES},
    "pipeline": {"base", "ops", "config", "net", "kafka", "pipeline"} | STAGES,
}
# The archive's reader shares the S3 sink's client and formats, and the decoders.
ALLOWED["archive"] = {"base", "ops", "config", "net", "record", "sink", "archive"}
# A request's path: the search goes through the Elasticsearch sink's nodes and credentials.
ALLOWED["flow"] = {"base", "ops", "config", "net", "record", "sink", "flow"}
ALLOWED["pipeline"] |= {"archive"}
ALLOWED["cli"] = ALLOWED["pipeline"] | {"flow", "cli"}
ALLOWED["main.c"] = {"cli", "base"}
HOMES = {
    r"librdkafka/.*": {"kafka"},
    r"curl/.*": {"net"},
    r"microhttpd\.h": {"net"},
    r"pcre2\.h": {"base/regex.c"},
    r"uv\.h": {"net", "kafka", "pipeline", "cli"},
    r"libfyaml\.h": {"config/yaml.c"},
    r"jansson\.h": {"sink", "pipeline", "cli", "config", "ops"},
    r"openssl/.*": {"base/hash.c"},
    r"isa-l/crc\.h": {"base/hash.c"},
    r"isa-l/igzip_lib\.h": {"sink/compress.c", "base/inflate.c"},
    r"zstd\.h": {"sink/compress.c"},
    r"xxhash\.h": {"base/hash.c"},
}
LINES_MAX = 600
SIZED = ("src", "include", "tests", "bench", "deploy")


def too_long() -> list[str]:
    files = (path for folder in SIZED for path in (ROOT / folder).rglob("*"))
    return [
        f"{path.relative_to(ROOT).as_posix()}: more than {LINES_MAX} lines"
        for path in sorted(files)
        if path.suffix in (".c", ".h", ".py") and len(path.read_text().splitlines()) > LINES_MAX
    ]


def main() -> int:
    wrong = []
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        name = path.relative_to(ROOT / "src").as_posix()
        folder = name.split("/")[0]
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            header = match.group(1)
            top = header.split("/")[0]
            if top in ALLOWED and top not in ALLOWED[folder]:
                wrong.append(f"src/{name}:{number}: {folder} may not include {header}")
            for pattern, homes in HOMES.items():
                if re.fullmatch(pattern, header) and folder not in homes and name not in homes:
                    wrong.append(f"src/{name}:{number}: {header} has its home in {sorted(homes)}")
    wrong += too_long()
    print("\n".join(wrong) or "includes: all in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
