"""Unpack the model when the package is built: its largest file is kept compressed."""

import gzip
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class UnpackModel(build_py):
    """Build the package, and replace each compressed file by what it holds."""

    def run(self) -> None:
        """Copy the files and unpack them."""
        super().run()
        for packed in Path(self.build_lib).rglob("*.gz"):
            with gzip.open(packed) as source, packed.with_suffix("").open("wb") as target:
                shutil.copyfileobj(source, target)
            packed.unlink()


setup(cmdclass={"build_py": UnpackModel})
