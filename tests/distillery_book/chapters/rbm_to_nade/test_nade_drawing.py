"""What chapter 9 draws: as many panels as there are students, and no row without images."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch

from distillery_book.chapters.rbm_to_nade import drawing


def test_a_gallery_leaves_out_a_row_that_has_no_images() -> None:
    drawing.gallery({"some": torch.ones(3, 784), "none": torch.zeros(0)}, across=3)
    [axis] = plt.gcf().axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["some"]
    plt.close()


def test_each_student_has_a_panel_whose_line_falls_from_the_machine_s_most_probable_image() -> None:
    machine = torch.tensor([-3.0, -1.0, -2.0])
    students = {"first": machine - 1, "second": machine - 2}
    drawing.in_order(machine, students, colours={"first": "C0", "second": "C2"})
    lines = [axis.lines[1].get_ydata().tolist() for axis in plt.gcf().axes]  # type: ignore[union-attr]
    assert lines == [[-1.0, -2.0, -3.0]] * 2
    plt.close()


def test_many_panels_share_one_name_for_each_axis() -> None:
    machine = torch.tensor([-3.0, -1.0, -2.0])
    students = {f"student {number}": machine - number for number in range(8)}
    drawing.in_order(machine, students, colours=dict.fromkeys(students, "C0"))
    assert plt.gcf().get_supylabel() == "log probability (nats)"
    assert [axis.get_ylabel() for axis in plt.gcf().axes] == [""] * 8
    plt.close()


def test_curves_without_a_machine_are_drawn_in_a_panel_for_each_width() -> None:
    curve = {"steps": torch.arange(3), "log_prob": torch.zeros(3, 4)}
    drawing.by_width({"one": curve, "other": {}}, None)
    assert [len(axis.lines) for axis in plt.gcf().axes] == [1, 1, 1, 1]
    plt.close()
