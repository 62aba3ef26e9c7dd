"""The demo's data set at THUMOS14's size: 200 training and 210 test videos, 20 classes, 256 channels."""

import make_demo
from hrpro.utils import errors

make_demo.CLASSES = [f"action {number}" for number in range(20)]
make_demo.CHANNELS = 256
make_demo.VIDEOS = {"train": 200, "test": 210}
make_demo.ACTIONS = (8, 24)
make_demo.NOISE = 3.0  # for so many channels tell more than the demo's

if __name__ == "__main__":
    errors.run(make_demo.main)
