"""Makers of real source files, in every format that is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import docx
import openpyxl
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

__all__ = ["Line", "write_docx", "write_pdf", "write_xlsx"]

Line = tuple[str, int]  # text and font size
FONT = "STSong-Light"


def write_pdf(
    path: Path, pages: Sequence[Sequence[Line]], *, header: str = "", password: str = ""
) -> Path:
    """Write a PDF with a running header and page numbers, a line a row, bigger sizes as headings."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    canvas = Canvas(str(path), encrypt=password or None)
    for number, lines in enumerate(pages, 1):
        if header:
            canvas.setFont(FONT, 9)
            canvas.drawString(60, 810, header)
        y = 770.0
        for text, size in lines:
            canvas.setFont(FONT, size)
            canvas.drawString(60, y, text)
            y -= 2 * size
        canvas.setFont(FONT, 9)
        canvas.drawString(280, 30, f"第 {number} 页")
        canvas.showPage()
    canvas.save()
    return path


def write_docx(path: Path) -> Path:
    """Write a Word report: title, two headings, paragraphs, a list and a table with a merged cell."""
    document = docx.Document()
    document.add_heading("东站施工方案", 0)
    document.add_heading("1 总则", 1)
    document.add_paragraph("本方案适用于东站综合交通枢纽工程。")
    document.add_heading("1.1 依据", 2)
    document.add_paragraph("国家规范", style="List Bullet")
    table = document.add_table(rows=3, cols=3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "机械"
    table.cell(0, 2).text = "数量"
    for row, cells in enumerate([("盾构机", "6m", "2"), ("泥浆泵", "37kW", "4")], 1):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_paragraph("表后说明。")
    document.save(str(path))
    return path


def write_xlsx(path: Path) -> Path:
    """Write a workbook as offices make them: merged title, unit line, two-row header, notes, two sheets."""
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "管理费用"
    for row in (
        ["2024年第三季度管理费用表"],
        ["单位：万元"],
        ["部门", "办公费", None, "差旅费"],
        [None, "预算", "实际", "实际"],
        ["工程部", 12.5, 11, 3.25],
        ["财务部", 8, 7.75, 0.1],
        ["注：差旅费含交通补贴。"],
    ):
        first.append(row)
    for area in ("A1:D1", "A3:A4", "B3:C3"):
        first.merge_cells(area)
    second = book.create_sheet("贷款")
    second.append(["银行", "利率", "到期日"])
    second.append(["建设银行", 0.0345, datetime(2025, 6, 30)])
    book.save(path)
    return path
