"""Writes `corpus/`: small good files of each kind, from which `make fuzz` goes on.

python -m fuzz.make_corpus
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.ground.files import write_bytes
from pipeline.serving.edit_requests import example_row

CORPUS = Path(__file__).parent / "corpus"
_OUTLINES = {
    "video_id": "v1",
    "frame_width": 16,
    "frame_height": 24,
    "tracks": [
        {
            "keyword_index": 0,
            "keyframes": [
                {"time_s": time_s, "polygons": [[[2 + time_s, 2], [12, 3], [8, 20]]]}
                for time_s in (0, 1)
            ],
        }
    ],
}


def main() -> None:
    """Write all files."""
    down, across = np.mgrid[:24, :16].astype(np.uint8)
    colours = Image.fromarray(np.stack([10 * down, 15 * across, 5 * (down + across)], -1))
    grey = colours.convert("L")
    _write("pictures/rgb.jpg", _image(colours, "JPEG"))
    _write("pictures/progressive.jpg", _image(colours, "JPEG", progressive=True))
    _write("pictures/grey.jpg", _image(grey, "JPEG", comment=b"recorded"))
    _write("pictures/rgb.png", _image(colours, "PNG"))
    _write("pictures/grey.png", _image(grey, "PNG"))
    _write("pictures/palette.png", _image(colours.convert("P"), "PNG"))
    _write("pictures/alpha.png", _image(colours.convert("RGBA"), "PNG"))
    _write("pictures/bits.png", _image(grey.convert("1"), "PNG"))
    _write("pictures/16_bits.png", _image(Image.fromarray(down.astype(np.uint16) * 257), "PNG"))
    _write("tables/keywords.csv", b"_id,keyword_list[0]\n7000000000000000001,mug\nv2,red shoe\n")
    _write("tables/quoted.csv", '\ufeffvideo_id;keyword\r\nv1;"a ""b"""\r\nv2;c\r\n'.encode())
    _write("tables/latin.csv", "video_id,keyword\nv1,théière\n".encode("latin-1"))
    _write("outlines/triangle.json", json.dumps(_OUTLINES).encode())
    header = b"viewer,onset_s,duration_s,x_px,y_px\n"
    _write("fixations/two.csv", header + b"P1,0.1,0.2,5,6\nP2,0.5,0.25,8.5,12\n")
    semicolons = "viewer;video;onset_s;duration_s;x_px;y_px\nP1;v;0,1;0,2;5,5;6\n"
    _write("exports/commas.csv", semicolons.encode("utf-16"))
    header = b"section id,recording id,fixation id,start timestamp [ns],duration [ms],"
    header += b"fixation detected on surface,fixation x [normalized],fixation y [normalized]\n"
    _write("exports/neon.csv", header + b"s,r,1,1700000000000000000,200,True,0.5,0.25\n")
    trial = {"stimulus": "v", "webgazer_data": [{"x": 5, "y": 6, "t": t} for t in (0, 40, 80, 120)]}
    _write("exports/webcam.json", json.dumps([trial]).encode())
    body = {"dataframe_records": [example_row((24, 16))]}
    _write("bodies/one.json", json.dumps(body).encode())


def _image(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _write(name: str, content: bytes) -> None:
    write_bytes(CORPUS / name, content)


if __name__ == "__main__":
    main()
