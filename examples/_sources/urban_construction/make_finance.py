"""Build the six finance workbooks under examples/urban_construction/docs/finance/.

Payments by project come from the tables of ``make_database.py``; everything else is fixed
below.  All figures are invented.  Building twice gives the same bytes.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from make_database import PROJECTS, QUARTERS
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

OUT_DIR = Path(__file__).resolve().parents[2] / "urban_construction" / "docs" / "finance"
STAMP = datetime(2025, 7, 18, 9, 0, 0)

Cell = str | int | float | date | None
Row = Sequence[Cell]

COMPLETED = {(row[0], row[1]): row[3] for row in QUARTERS}
PAID = {(row[0], row[1]): row[5] for row in QUARTERS}
GROUPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("房建与公建", (1, 2, 7, 8, 10)),
    ("交通与隧道", (3, 6, 11)),
    ("水务与环保", (4, 5, 9, 12)),
)
BUILDERS = tuple(sorted({project[5] for project in PROJECTS}))
NAMES = {project[0]: project[1] for project in PROJECTS}
CHINESE = {"Q1": "第一季度", "Q2": "第二季度", "Q3": "第三季度", "Q4": "第四季度"}
QUARTER_END = {"Q1": "3月31日", "Q2": "6月30日", "Q3": "9月30日", "Q4": "12月31日"}

EXPENSE_ITEMS = ("人工费用", "办公及物业", "差旅交通", "咨询服务", "其他")
EXPENSES: dict[str, dict[str, tuple[float, ...]]] = {
    "2024Q1": {
        "工程管理部": (141.4, 8.3, 14.6, 8.8, 5.4),
        "安全环保部": (78.2, 5.6, 8.0, 14.8, 4.4),
        "计划财务部": (86.9, 7.0, 2.8, 11.8, 2.8),
        "投资发展部": (75.2, 4.6, 7.2, 17.8, 3.5),
        "合约采购部": (60.9, 5.4, 4.0, 6.9, 2.4),
        "综合办公室": (95.8, 24.1, 5.2, 3.9, 18.6),
        "审计法务部": (46.9, 3.4, 3.0, 21.7, 1.7),
    },
    "2024Q2": {
        "工程管理部": (130.2, 9.0, 23.0, 13.8, 6.2),
        "安全环保部": (72.2, 5.9, 12.0, 28.4, 4.5),
        "计划财务部": (75.3, 7.9, 4.3, 20.4, 3.3),
        "投资发展部": (68.3, 5.4, 10.6, 31.3, 3.8),
        "合约采购部": (61.1, 6.0, 6.0, 13.4, 2.4),
        "综合办公室": (93.1, 26.2, 7.8, 7.3, 18.0),
        "审计法务部": (48.7, 3.8, 4.4, 34.5, 1.7),
    },
    "2024Q3": {
        "工程管理部": (128.8, 8.8, 24.1, 13.2, 5.8),
        "安全环保部": (76.7, 6.4, 13.4, 26.3, 3.9),
        "计划财务部": (80.2, 7.5, 5.1, 17.3, 2.7),
        "投资发展部": (62.8, 5.3, 10.7, 30.5, 3.5),
        "合约采购部": (63.0, 5.4, 6.3, 12.5, 2.3),
        "综合办公室": (89.7, 25.6, 9.0, 6.3, 17.5),
        "审计法务部": (45.3, 3.8, 4.7, 35.5, 1.6),
    },
    "2024Q4": {
        "工程管理部": (151.1, 11.4, 20.2, 21.4, 7.3),
        "安全环保部": (87.5, 7.1, 10.7, 39.5, 5.3),
        "计划财务部": (93.3, 8.1, 4.0, 29.2, 3.9),
        "投资发展部": (85.0, 6.1, 9.3, 49.4, 4.7),
        "合约采购部": (74.0, 6.7, 5.8, 18.7, 3.1),
        "综合办公室": (122.5, 31.9, 7.1, 10.2, 25.0),
        "审计法务部": (60.2, 4.0, 4.2, 54.5, 2.3),
    },
}
EXPENSES_2023: dict[str, tuple[float, ...]] = {
    "工程管理部": (156.8, 173.0, 168.5, 203.0),
    "安全环保部": (107.1, 113.0, 115.1, 134.0),
    "计划财务部": (102.2, 105.5, 111.4, 128.8),
    "投资发展部": (102.7, 106.9, 106.8, 132.7),
    "合约采购部": (72.1, 79.4, 84.3, 92.6),
    "综合办公室": (139.5, 146.3, 149.0, 177.0),
    "审计法务部": (75.0, 80.7, 88.0, 102.2),
}
EXPENSE_NOTES = {
    "2024Q1": "注：安全环保部咨询服务费含东站夜间噪声监测6.2万元。",
    "2024Q2": "注：审计法务部咨询服务费含西站污染土合同争议律师费18.0万元。",
    "2024Q3": "注：工程管理部差旅交通含防汛值守用车4.6万元。",
    "2024Q4": "注：人工费用含年终考核兑现；综合办公室“其他”含档案库房搬迁费9.3万元。",
}

# 类别, 债权人, 用途, 合同额, 年利率 %, 起始日, 到期日, 余额：2023年末、2024年6月末、2024年末、2025年6月末
Loan = tuple[str, str, str, int, float, date, date, tuple[int, int, int, int]]
# fmt: off
LOANS: tuple[Loan, ...] = (
    (
        "项目贷款",
        "临江商业银行",
        "东站",
        180000,
        3.65,
        date(2023, 4, 20),
        date(2035, 4, 20),
        (22000, 58000, 96000, 128000),
    ),
    (
        "项目贷款",
        "临江商业银行",
        "安居家园三期",
        48000,
        3.20,
        date(2023, 5, 18),
        date(2038, 5, 18),
        (15000, 26000, 35000, 41000),
    ),
    (
        "项目贷款",
        "东江银行",
        "会展中心",
        150000,
        3.95,
        date(2022, 8, 15),
        date(2032, 8, 15),
        (82000, 104000, 121000, 128000),
    ),
    (
        "项目贷款",
        "长淮银行",
        "滨江大道",
        110000,
        3.70,
        date(2023, 7, 10),
        date(2033, 7, 10),
        (31000, 52000, 71000, 86000),
    ),
    (
        "项目贷款",
        "长淮银行",
        "科技园二期",
        56000,
        3.55,
        date(2023, 10, 26),
        date(2030, 10, 26),
        (3000, 14000, 25000, 33000),
    ),
    (
        "项目贷款",
        "华川银行",
        "南湖隧道",
        130000,
        4.10,
        date(2021, 12, 8),
        date(2031, 12, 8),
        (76000, 84000, 88000, 86000),
    ),
    (
        "项目贷款",
        "沿海合作发展银行",
        "5号线一期",
        520000,
        2.85,
        date(2021, 9, 1),
        date(2046, 9, 1),
        (196000, 238000, 281000, 318000),
    ),
    (
        "流动资金贷款",
        "东江银行",
        "集团本部",
        30000,
        3.45,
        date(2024, 3, 15),
        date(2025, 3, 15),
        (0, 30000, 30000, 0),
    ),
    (
        "流动资金贷款",
        "华川银行",
        "集团本部",
        20000,
        3.30,
        date(2025, 3, 12),
        date(2026, 3, 12),
        (0, 0, 0, 20000),
    ),
    (
        "债券",
        "2022年第一期专项债",
        "循环产业园",
        40000,
        2.98,
        date(2022, 11, 25),
        date(2037, 11, 25),
        (40000, 40000, 40000, 40000),
    ),
    (
        "债券",
        "2023年第二期专项债",
        "城北污水厂",
        32000,
        2.91,
        date(2023, 3, 30),
        date(2043, 3, 30),
        (32000, 32000, 32000, 32000),
    ),
    (
        "债券",
        "2024年第一期专项债",
        "老城管网",
        24000,
        2.67,
        date(2024, 4, 16),
        date(2039, 4, 16),
        (0, 24000, 24000, 24000),
    ),
    (
        "债券",
        "2022年中期票据",
        "集团本部",
        100000,
        3.58,
        date(2022, 6, 22),
        date(2025, 6, 22),
        (100000, 100000, 100000, 0),
    ),
    (
        "债券",
        "2025年中期票据",
        "集团本部",
        120000,
        2.35,
        date(2025, 6, 10),
        date(2028, 6, 10),
        (0, 0, 0, 120000),
    ),
)
# fmt: on
LOAN_DATES = (date(2023, 12, 31), date(2024, 6, 30), date(2024, 12, 31), date(2025, 6, 30))

# 债务人, 事由, 2024年3月末余额, 其中一年以上, 2024年9月末余额, 其中一年以上
RECEIVABLES: tuple[tuple[str, str, float, float, float, float], ...] = (
    ("市财政局", "青龙湖工程财政补助", 4260.0, 0.0, 2180.0, 0.0),
    ("江岸区政府", "滨江大道征拆分担款", 8730.0, 1250.0, 6940.0, 3100.0),
    ("高新区管委会", "科技园二期代建费", 1385.5, 0.0, 1720.4, 265.5),
    ("城北水务公司", "城北污水厂委托建设款", 5620.0, 640.0, 4975.0, 640.0),
    ("临江会展运营公司", "会展中心设备代垫款", 936.8, 0.0, 1408.2, 0.0),
    ("西站商业管理公司", "临时场地租金", 214.6, 88.0, 176.3, 102.5),
    ("市住房保障中心", "安居家园三期回购首款", 12400.0, 0.0, 9300.0, 0.0),
)
PAYABLE_OPENING_2024 = {
    "临江建工集团": 21840,
    "华拓建设": 19365,
    "中垣路桥": 17920,
    "绿源环境": 8410,
    "水务建设公司": 5275,
    "江城轨道建设": 58630,
}

# 项目, 一季度计划, 一季度实际, 二季度计划, 二季度实际（None：由项目支付表填入）
PlanRow = tuple[str, float, float | None, float, float | None]
SOURCES: tuple[PlanRow, ...] = (
    ("财政拨款及资本金", 180000.0, 176800.0, 175000.0, 171500.0),
    ("项目贷款提款", 52000.0, 47000.0, 55000.0, 58000.0),
    ("流动资金贷款", 20000.0, 20000.0, 0.0, 0.0),
    ("中期票据发行", 0.0, 0.0, 120000.0, 120000.0),
    ("应收款回收", 9500.0, 7860.0, 11000.0, 12735.0),
    ("代建费及租金", 1650.0, 1482.5, 1700.0, 1803.6),
)
USES: tuple[PlanRow, ...] = (
    ("工程款支付", 225000.0, None, 250000.0, None),
    ("征拆及其他费用", 8200.0, 6940.0, 7600.0, 8315.0),
    ("管理费用", 980.0, 902.7, 1020.0, 968.4),
    ("偿还本金", 30000.0, 30000.0, 102000.0, 102000.0),
    ("支付利息", 6900.0, 6820.0, 11000.0, 10940.0),
)
CASH_OPENING_2025 = 48620.0


def money(value: float) -> float:
    """Round to one decimal place."""
    return round(value, 1)


def total(rows: Sequence[Sequence[float]]) -> list[float]:
    """Add up each column."""
    return [money(sum(column)) for column in zip(*rows, strict=True)]


def put_table(
    sheet: Worksheet,
    title: str,
    unit: str,
    headers: Sequence[Row],
    rows: Sequence[Row],
    notes: Sequence[str],
    bold_labels: tuple[str, ...] = ("小计", "合计", "总计", "净额"),
) -> None:
    """Write a merged title row, a unit line, header rows from row 3, the rows and the notes."""
    width = len(headers[0])
    sheet.append([title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=width)
    sheet["A1"].font = Font(bold=True, size=14)
    sheet["A1"].alignment = Alignment(horizontal="center")
    sheet.append([unit])
    for header in headers:
        sheet.append(list(header))
        for cell in sheet[sheet.max_row]:
            cell.font = Font(bold=True)
            cell.alignment = Alignment(horizontal="center", wrap_text=True)
    for row in rows:
        sheet.append(list(row))
        bold = any(isinstance(value, str) and value.endswith(bold_labels) for value in row)
        for cell in sheet[sheet.max_row]:
            if bold:
                cell.font = Font(bold=True)
            if isinstance(cell.value, date):
                cell.number_format = "yyyy-mm-dd"
            elif isinstance(cell.value, float):
                cell.number_format = "#,##0.0"
    line = sheet.max_row + 2
    for note in notes:
        sheet.cell(row=line, column=1, value=note)
        line += 1
    for column in range(1, width + 1):
        sheet.column_dimensions[get_column_letter(column)].width = 22 if column <= 2 else 14


def expense_sheet(book: Workbook, quarter: str) -> None:
    """Administrative expenses by department and item."""
    rows: list[list[Cell]] = []
    figures: list[list[float]] = []
    for number, (department, items) in enumerate(EXPENSES[quarter].items(), start=1):
        values = [*items, money(sum(items))]
        figures.append(values)
        rows.append([number, department, *values])
    rows.append([None, "合计", *total(figures)])
    put_table(
        book.create_sheet("管理费用"),
        f"{quarter[:4]}年{CHINESE[quarter[4:]]}管理费用明细表",
        "单位：万元",
        [["序号", "部门", *EXPENSE_ITEMS, "合计"]],
        rows,
        [EXPENSE_NOTES[quarter]],
    )


def payment_sheet(book: Workbook, quarter: str) -> None:
    """Payments of one quarter, with an empty column before the running total of the year."""
    year = quarter[:4]
    so_far = [f"{year}Q{n}" for n in range(1, int(quarter[5]) + 1)]
    rows: list[Row] = []
    everything: list[list[float]] = []
    for group, ids in GROUPS:
        figures: list[list[float]] = []
        for pid in ids:
            running = sum(PAID.get((pid, q), 0) for q in so_far)
            if not running:
                continue
            done, paid = COMPLETED.get((pid, quarter), 0), PAID.get((pid, quarter), 0)
            figures.append([done, paid, running])
            share = f"{paid / done:.1%}" if done else "—"
            rows.append([group, NAMES[pid], done, paid, None, running, share])
        done_sum, paid_sum, running_sum = (int(value) for value in total(figures))
        rows.append(
            [
                None,
                f"{group}小计",
                done_sum,
                paid_sum,
                None,
                running_sum,
                f"{paid_sum / done_sum:.1%}",
            ]
        )
        everything.extend(figures)
    done_sum, paid_sum, running_sum = (int(value) for value in total(everything))
    rows.append([None, "总计", done_sum, paid_sum, None, running_sum, f"{paid_sum / done_sum:.1%}"])
    put_table(
        book.create_sheet("项目资金支付"),
        f"{year}年{CHINESE[quarter[4:]]}各项目资金支付表",
        "单位：万元",
        [["类别", "项目", "本季完成投资", "本季支付金额", None, "本年累计支付", "支付占完成投资"]],
        rows,
        [
            "注：1. 支付金额含拨入农民工工资专户的部分，不含退还的投标保证金。",
            "　　2. 完成投资取自投资发展部季度台账。",
        ],
    )


def yearly_payment_sheet(book: Workbook, title: str, quarters: Sequence[str]) -> None:
    """Payments by project, one column a quarter."""
    rows: list[Row] = []
    everything: list[list[float]] = []
    for group, ids in GROUPS:
        figures: list[list[float]] = []
        for pid in ids:
            values = [PAID.get((pid, q)) for q in quarters]
            if not any(values):
                continue
            amounts = [value or 0 for value in values]
            figures.append([*amounts, sum(amounts)])
            rows.append([group, NAMES[pid], *values, sum(amounts)])
        rows.append([None, f"{group}小计", *(int(value) for value in total(figures))])
        everything.extend(figures)
    rows.append([None, "总计", *(int(value) for value in total(everything))])
    put_table(
        book.create_sheet("项目资金支付"),
        title,
        "单位：万元",
        [["类别", "项目", *(f"{q[:4]}年{CHINESE[q[4:]]}" for q in quarters), "合计"]],
        rows,
        ["注：空格表示项目当季尚未开工或已完工。"],
    )


def debt_sheet(book: Workbook, when: int, two_rows: bool = False) -> None:
    """Debt on ``LOAN_DATES[when]``; ``two_rows`` writes a header of two rows with merged groups."""
    day = LOAN_DATES[when]
    rows: list[Row] = []
    grand = [0, 0, 0]
    for kind in ("项目贷款", "流动资金贷款", "债券"):
        sums = [0, 0, 0]
        for row_kind, lender, use, amount, rate, start, due, balances in LOANS:
            balance = balances[when]
            if row_kind != kind or not balance:
                continue
            within_year = balance if due <= date(day.year + 1, day.month, day.day) else 0
            rows.append(
                [lender, use, amount, balance, within_year or None, f"{rate:.2f}%", start, due]
            )
            sums = [a + b for a, b in zip(sums, (amount, balance, within_year), strict=True)]
        if sums[1]:
            rows.append([f"{kind}小计", None, *sums[:2], sums[2] or None])
        grand = [a + b for a, b in zip(grand, sums, strict=True)]
    rows.append(["合计", None, *grand[:2], grand[2] or None])
    headers: list[Row]
    if two_rows:
        headers = [
            ["债权人或债券", "用途", "金额", None, None, "利率与期限", None, None],
            [None, None, "合同额", "期末余额", "其中一年内到期", "年利率", "起始日", "到期日"],
        ]
    else:
        headers = [
            [
                "债权人或债券",
                "用途",
                "合同额",
                "期末余额",
                "其中一年内到期",
                "年利率",
                "起始日",
                "到期日",
            ]
        ]
    sheet = book.create_sheet("融资与债务")
    put_table(
        sheet,
        f"融资与债务情况表（截至{day.year}年{day.month}月{day.day}日）",
        "单位：万元",
        headers,
        rows,
        ["注：专项债本金由市财政按期转贷偿还，利息由集团列支。"],
    )
    if two_rows:
        for area in ("A3:A4", "B3:B4", "C3:E3", "F3:H3"):
            sheet.merge_cells(area)


def builder_sum(figures: dict[tuple[int, str], int], builder: str, quarter: str) -> int:
    """Sum a figure over the projects of one builder."""
    return sum(
        figures.get((project[0], quarter), 0) for project in PROJECTS if project[5] == builder
    )


def payable(builder: str, quarter: str) -> tuple[int, int, int, int]:
    """Opening, recognised, paid and closing payable of a builder in a quarter of 2024."""
    opening = PAYABLE_OPENING_2024[builder]
    for number in range(1, int(quarter[5]) + 1):
        current = f"2024Q{number}"
        recognised = round(builder_sum(COMPLETED, builder, current) * 0.85)
        paid = builder_sum(PAID, builder, current)
        closing = opening + recognised - paid
        if current == quarter:
            break
        opening = closing
    return opening, recognised, paid, closing


def balance_sheet(book: Workbook, quarter: str) -> None:
    """Receivables above, payables to builders below, in one table with a shared header."""
    offset = 2 if quarter == "2024Q1" else 4
    rows: list[Row] = []
    figures: list[tuple[float, float]] = []
    for entry in RECEIVABLES:
        balance, old = (entry[2], entry[3]) if offset == 2 else (entry[4], entry[5])
        figures.append((balance, old))
        rows.append(["应收", entry[0], entry[1], None, None, None, balance, old or None])
    receivable, old_sum = total(figures)
    rows.append([None, "应收小计", None, None, None, None, receivable, old_sum])
    payables = [payable(builder, quarter) for builder in BUILDERS]
    for builder, values in zip(BUILDERS, payables, strict=True):
        rows.append(["应付", builder, "工程款", *values, None])
    rows.append([None, "应付小计", None, *(int(value) for value in total(payables)), None])
    put_table(
        book.create_sheet("应收应付"),
        f"应收应付款项表（截至{quarter[:4]}年{QUARTER_END[quarter[4:]]}）",
        "单位：万元",
        [
            [
                "性质",
                "单位名称",
                "事由",
                "期初余额",
                "本季确认",
                "本季支付",
                "期末余额",
                "其中一年以上",
            ]
        ],
        rows,
        ["注：应付工程款按当季完成投资的85%确认；应收款项只列期末余额。"],
    )


def annual_expense_sheet(book: Workbook) -> None:
    """Administrative expenses of 2023, one column a quarter."""
    figures = [[*values, money(sum(values))] for values in EXPENSES_2023.values()]
    rows: list[Row] = [
        [number, department, *values]
        for number, (department, values) in enumerate(
            zip(EXPENSES_2023, figures, strict=True), start=1
        )
    ]
    rows.append([None, "合计", *total(figures)])
    put_table(
        book.create_sheet("管理费用"),
        "2023年度管理费用汇总表",
        "单位：万元",
        [["序号", "部门", *CHINESE.values(), "全年合计"]],
        rows,
        ["注：2023年未按费用项目分列；第四季度含年终考核兑现。"],
    )


def plan_sheet(book: Workbook) -> None:
    """Planned and actual cash flow of the first half of 2025."""
    project_paid = [
        money(sum(v for (_, q), v in PAID.items() if q == quarter))
        for quarter in ("2025Q1", "2025Q2")
    ]
    rows: list[Row] = []
    sums: list[list[float]] = []
    for label, table in (("资金来源", SOURCES), ("资金运用", USES)):
        figures: list[list[float]] = []
        for name, plan_1, real_1, plan_2, real_2 in table:
            values = [
                plan_1,
                project_paid[0] if real_1 is None else real_1,
                plan_2,
                project_paid[1] if real_2 is None else real_2,
            ]
            figures.append(values)
            rows.append([label, name, *values, money(values[1] + values[3])])
        sums.append(total(figures))
        rows.append([None, f"{label}小计", *sums[-1], money(sums[-1][1] + sums[-1][3])])
    net = [money(a - b) for a, b in zip(*sums, strict=True)]
    middle = money(CASH_OPENING_2025 + net[1])
    end = money(middle + net[3])
    rows.append([None, "收支净额", *net, money(net[1] + net[3])])
    rows.append([None, "期末货币资金", None, middle, None, end, end])
    put_table(
        book.create_sheet("资金计划"),
        "2025年上半年资金计划执行情况表",
        "单位：万元",
        [["类别", "项目", "一季度计划", "一季度实际", "二季度计划", "二季度实际", "上半年实际"]],
        rows,
        [
            f"注：1. 年初货币资金余额{CASH_OPENING_2025:,.1f}万元。",
            "　　2. 二季度偿还本金含到期的2022年中期票据100,000万元和南湖隧道贷款2,000万元。",
        ],
    )


def save(book: Workbook, path: Path) -> None:
    """Save with fixed dates inside the workbook and in the zip directory."""
    del book["Sheet"]
    book.properties.creator = "计划财务部"
    book.properties.created = STAMP
    raw = io.BytesIO()
    book.save(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                stamp = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            info = zipfile.ZipInfo(name, STAMP.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, data)


def build(folder: Path) -> list[Path]:
    """Write all six workbooks and return their paths."""
    written: list[Path] = []
    for quarter in EXPENSES:
        book = Workbook()
        expense_sheet(book, quarter)
        payment_sheet(book, quarter)
        if quarter in ("2024Q1", "2024Q3"):
            balance_sheet(book, quarter)
        else:
            debt_sheet(book, when=1 if quarter == "2024Q2" else 2, two_rows=quarter == "2024Q4")
        written.append(folder / f"{quarter[:4]}年{CHINESE[quarter[4:]]}财务报表.xlsx")
        save(book, written[-1])

    book = Workbook()
    annual_expense_sheet(book)
    debt_sheet(book, when=0)
    yearly_payment_sheet(book, "2023年度各项目资金支付汇总表", [f"2023Q{n}" for n in range(1, 5)])
    written.append(folder / "2023年度财务汇总.xlsx")
    save(book, written[-1])

    book = Workbook()
    plan_sheet(book)
    debt_sheet(book, when=3)
    yearly_payment_sheet(book, "2025年上半年各项目资金支付表", ["2025Q1", "2025Q2"])
    written.append(folder / "2025年上半年资金计划与融资情况.xlsx")
    save(book, written[-1])
    return written


if __name__ == "__main__":
    for file in build(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT_DIR):
        print(file)
