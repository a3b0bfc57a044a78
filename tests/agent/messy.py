"""A folder as people have them: many formats, two languages, and what nobody meant to keep."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["CITED", "REFUSED", "write_messy_folder"]

CITED: Mapping[str, str] = {  # questions, and the file that answers each
    "年假有几天？": "人事制度/休假管理办法.docx",
    "病假要提交什么材料？": "人事制度/休假管理办法.docx",
    "出差住宿标准是多少？": "人事制度/差旅报销规定.md",
    "报销单几天内要交？": "人事制度/差旅报销规定.md",
    "新员工试用期多长？": "人事制度/入职指南.pptx",
    "恒通公司的合同什么时候到期？": "合同/2024/恒通物流运输合同.docx",
    "运输延误的违约金怎么算？": "合同/2024/恒通物流运输合同.docx",
    "叉车租赁的月租金是多少？": "合同/2023/叉车租赁合同[盖章].txt",
    "2024年第一季度的运费是多少？": "财务/2024年一季度费用.xlsx",
    "冷库的温度要保持在多少度？": "仓库 操作/冷库操作规程.html",
    "叉车每天检查哪些项目？": "仓库 操作/叉车安全检查表.csv",
    "How do I reset the handheld scanner?": "Manuals/Handheld Scanner.md",
    "What does error E42 of the label printer mean?": "Manuals/Label Printer.pdf",
    "How often is the conveyor belt cleaned?": "Manuals/conveyor.htm",
    "Which pallet did the customer report as damaged?": "mail/Re damaged pallet.eml",
    "Which function computes the freight?": "tools/freight/rates.py",
    "谁说周五盘点？": "聊天记录/仓库群.txt",
}
REFUSED: Sequence[str] = (
    "今天股票涨了吗？",
    "怎么做红烧肉？",
    "Who won the football match?",
    "公司食堂周五有什么菜？",
)

LEAVE = (
    "休假管理办法",
    [
        (
            "第一章 年假",
            "员工工作满一年的，每年享受年假8天；满五年的，每年享受年假12天。年假须提前一周申请。",
        ),
        (
            "第二章 病假",
            "病假须在返岗后三天内提交医院证明和病历复印件。三天以上的病假由部门经理批准。",
        ),
        ("第三章 婚假和产假", "婚假为10天。产假按国家规定执行，陪产假为15天。"),
    ],
)
TRAVEL = """\
# 差旅报销规定

## 住宿

出差住宿标准：省会城市每晚不超过450元，其他城市每晚不超过320元。

## 交通

高铁坐二等座。市内交通凭票报销。

## 报销期限

出差结束后10天内提交报销单，逾期须部门经理签字说明。
"""
FREIGHT = (
    "货物运输合同",
    [
        ("一、合同双方", "托运人：青禾仓储有限公司。承运人：恒通物流有限公司。"),
        ("二、期限", "本合同自2024年3月1日起生效，至2026年2月28日到期。"),
        (
            "三、违约责任",
            "运输延误的，承运人每延误一小时支付当次运费百分之二的违约金，最高不超过百分之二十。",
        ),
    ],
)
STORAGE = (
    "仓储服务合同",
    [
        ("一、合同双方", "存货人：南苑食品有限公司。保管人：青禾仓储有限公司。"),
        ("二、费用", "仓储费为每托盘每天3.5元，按月结算。"),
        ("三、验收", "入库时双方清点数量，破损货物当场拍照登记。"),
    ],
)
RENTAL = """\
叉车租赁合同

一、租赁物

电动叉车两台，型号为FD-25。

二、租金

月租金为每台2800元，每月5日前支付。

三、押金

押金为一个月租金，合同期满退还。
"""
COLD = """\
<html lang="zh"><head><title>冷库操作规程</title></head><body>
<h1>冷库操作规程</h1>
<h2>温度</h2><p>冷库的温度要保持在零下18度到零下22度，每两小时记录一次。</p>
<h2>进出库</h2><p>开门时间一次不超过三分钟，进库人员须穿防寒服。</p>
</body></html>
"""
SCANNER = """\
# Handheld scanner

## Reset

Hold the power key and the trigger for ten seconds to reset the handheld scanner. Its pairing is lost.

## Charging

A full charge takes three hours. The light turns green when the battery is full.
"""
PRINTER = [
    "Label printer LP-9",
    "Error codes",
    "E41: the cover is open. Close it until it clicks.",
    "E42: the ribbon is torn. Replace the ribbon and press Feed.",
    "Paper: the label printer takes rolls of 100 mm.",
]
BELT = """\
<!doctype html><html><head><title>Conveyor belt</title></head><body><h1>Conveyor belt</h1>
<h2>Cleaning</h2><p>The conveyor belt is cleaned every Monday with a damp cloth. No solvents.</p>
<h2>Emergency stop</h2><p>Pull the red cord; release it with key 7.</p></body></html>
"""
MAIL = """\
From: Dana Cole <dana@example.com>
To: desk@example.com
Subject: Re: damaged pallet
Date: Tue, 12 Mar 2024 09:30:00 +0000
Content-Type: text/plain; charset=utf-8

Pallet P-7731 arrived with a broken corner. Three cartons of jam were damaged. Please send a credit note.
"""
CHAT = """\
2024-03-14 09:01:12 李明
周五盘点，大家八点到二号门

2024-03-14 09:02:40 王芳
收到，扫描枪不够，我去借两把

2024-03-14 09:05:03 李明
盘点表我放在前台
"""
CODE = {
    "rates.py": '''"""Freight rates."""


def freight(weight: float, distance: float) -> float:
    """Compute the freight of a shipment from its weight in kg and the distance in km."""
    return 12.0 + 0.04 * weight + 0.9 * distance
''',
    "labels.py": '''"""Labels of pallets."""


def pallet_label(number: int) -> str:
    """Return the text of a pallet's label."""
    return f"P-{number:04d}"
''',
    "routes.js": """\
// Routes of trucks.
export function shortestRoute(stops) {
  return [...stops].sort((a, b) => a.km - b.km);
}
""",
}


NAMES = [
    "人事制度/休假管理办法.docx", "人事制度/入职指南.pptx", "合同/2024/恒通物流运输合同.docx",
    "合同/2024/南苑食品仓储合同.docx", "财务/2024年一季度费用.xlsx", "财务/2024年二季度费用.xlsx",
    "Manuals/Label Printer.pdf",
]  # fmt: skip


def write_messy_folder(folder: Path, *, real: bool = True) -> Path:
    """Write the files.

    Args:
        folder: the folder, which is made.
        real: whether Office files and PDFs can be read; else they only have their names.
    """
    if real:
        _word(folder / "人事制度/休假管理办法.docx", *LEAVE)
        _slides(folder / "人事制度/入职指南.pptx")
        _word(folder / "合同/2024/恒通物流运输合同.docx", *FREIGHT)
        _word(folder / "合同/2024/南苑食品仓储合同.docx", *STORAGE)
        _table(folder / "财务/2024年一季度费用.xlsx", 126_000)
        _table(folder / "财务/2024年二季度费用.xlsx", 131_500)
        _pdf(folder / "Manuals/Label Printer.pdf", PRINTER)
    else:
        for name in NAMES:
            _text(folder / name, name)
    _text(folder / "人事制度/差旅报销规定.md", TRAVEL)
    _text(folder / "合同/2023/叉车租赁合同[盖章].txt", RENTAL, "gb18030")
    _text(folder / "合同/2023/复印件/叉车租赁合同.txt", RENTAL, "gb18030")  # the same once more
    _text(folder / "仓库 操作/冷库操作规程.html", COLD)
    _text(
        folder / "仓库 操作/叉车安全检查表.csv",
        "项目,频次\n轮胎气压,叉车每天检查\n刹车,叉车每天检查\n电瓶液位,每周\n",
    )
    _text(folder / "Manuals/Handheld Scanner.md", SCANNER)
    _text(folder / "Manuals/conveyor.htm", BELT)
    _text(folder / "mail/Re damaged pallet.eml", MAIL)
    _text(folder / "聊天记录/仓库群.txt", CHAT)
    for name, code in CODE.items():
        _text(folder / "tools/freight" / name, code)
    _text(folder / "tools/README.md", "# Tools\n\nScripts that compute freight rates and labels.\n")
    _text(folder / "tools/package.json", '{"name": "tools"}')
    _text(folder / "tools/node_modules/left/index.js", "module.exports = 1\n")
    _text(folder / ".git/config", "[core]\n")
    _text(folder / ".DS_Store", "x")
    _text(folder / "合同/~$恒通物流运输合同.docx", "lock")
    _text(folder / "Manuals/空.md", "")
    _text(folder / "Manuals/photo.jpg", "not an image")
    _text(folder / "Manuals/notes.doc", "old")
    _text(folder / "Manuals/broken.pdf", "%PDF-1.4 cut off")
    _text(
        folder / unicodedata.normalize("NFD", "Manuals/Füllstand; rm -rf $HOME.txt"),
        "Der Füllstand steht am Tank.\n",
    )
    large = folder / "Manuals/dump.log"
    large.touch()
    os.truncate(large, 65 * 2**20)
    (folder / "Manuals/passwd.txt").symlink_to("/etc/passwd")
    return folder


def _text(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)


def _word(path: Path, title: str, sections: Sequence[tuple[str, str]]) -> None:
    from docx import Document

    document = Document()
    document.add_heading(title, 0)
    for heading, text in sections:
        document.add_heading(heading, 1)
        document.add_paragraph(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    document.save(str(path))


def _slides(path: Path) -> None:
    from pptx import Presentation

    slides = Presentation()
    for title, text in (
        ("入职指南", "欢迎加入青禾仓储"),
        ("试用期", "新员工试用期为三个月，期满由主管评估。"),
    ):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    path.parent.mkdir(parents=True, exist_ok=True)
    slides.save(str(path))


def _table(path: Path, freight: int) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "费用"
    for row in (
        ["费用科目", "金额（元）"],
        ["运费", freight],
        ["仓库租金", 88_000],
        ["工资", 240_000],
    ):
        sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _pdf(path: Path, lines: Sequence[str]) -> None:
    from reportlab.pdfgen.canvas import Canvas

    path.parent.mkdir(parents=True, exist_ok=True)
    page = Canvas(str(path), invariant=True)
    for number, line in enumerate(lines):
        page.setFont("Helvetica", 18 if number < 2 else 11)
        page.drawString(72, 760 - 40 * number, line)
    page.save()
