"""A window in which a piano roll grows: what ``render_mode="human"`` opens.  tkinter alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from musicenv.render.roll import Image

if TYPE_CHECKING:
    from tkinter import Tk


class RollWindow:
    """One window for one picture at a time; closing it by hand ends the drawing, not the composing."""

    def __init__(self, title: str, fps: float) -> None:
        """``fps``: pictures a second, at most.  RuntimeError where there is no display."""
        try:
            import tkinter
        except ImportError as error:
            raise _no_window(error) from error
        try:
            self._root: Tk | None = tkinter.Tk()
        except tkinter.TclError as error:
            raise _no_window(error) from error
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        self._label = tkinter.Label(self._root)
        self._label.pack()
        self._pause, self._shown = 1 / fps, -float("inf")

    def show(self, image: Image) -> None:
        """Draw a picture ``(height, width, 3)`` uint8, no sooner than a frame after the last one."""
        if self._root is None:
            return
        import tkinter

        time.sleep(max(0.0, self._shown + self._pause - time.monotonic()))
        height, width, _ = image.shape
        # Tk holds no reference to a picture that it shows.
        self._picture = tkinter.PhotoImage(
            master=self._root, data=b"P6 %d %d 255\n" % (width, height) + image.tobytes(), format="PPM"
        )
        self._label.configure(image=self._picture)
        self._root.update()
        self._shown = time.monotonic()

    def close(self) -> None:
        """Close the window, if it is still open."""
        if self._root is not None:
            self._root.destroy()
            self._root = None


def _no_window(error: Exception) -> RuntimeError:
    return RuntimeError(
        f'render_mode="human" cannot open a window ({error}); it needs a display and tkinter: '
        'without them choose "rgb_array" or "ansi"'
    )
