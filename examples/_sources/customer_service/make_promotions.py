"""Build examples/customer_service/docs/promotions/promotions.xlsx, the list of promotions.

A shop would write such a file every morning.  Building twice gives the same bytes.

Usage: ``python examples/_sources/customer_service/make_promotions.py [TARGET]``
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font

TARGET = Path(__file__).resolve().parents[2] / "customer_service/docs/promotions/promotions.xlsx"
STAMP = datetime(2026, 11, 20, 8, 0, 0)
HEADER = ("编号", "活动名称", "适用商品", "优惠内容", "开始日期", "结束日期", "参加条件")
Row = tuple[str, str, str, str, date, date, str]

# fmt: off
PROMOTIONS: tuple[Row, ...] = (
    ("P-2601", "以旧换新 Trade-in", "VX-20S、VX-20P、RV-9E", "旧吸尘器或旧扫地机抵150元，不限品牌",
     date(2026, 1, 1), date(2028, 12, 31), "旧机须能通电；新机签收后7天内由快递员上门取走旧机"),
    ("P-2602", "滤芯订阅 Filter subscription", "全部滤芯和耗材", "按月订阅打9折，第6次免费",
     date(2026, 3, 1), date(2028, 12, 31), "可随时取消，取消后不补差价"),
    ("P-2603", "新客立减 New customer", "全场", "首单立减30元",
     date(2026, 1, 1), date(2028, 12, 31), "实付满200元，每个账号一次"),
    ("P-2606", "618年中大促", "全场", "每满300元减40元",
     date(2026, 6, 1), date(2026, 6, 20), "不与优惠券同用"),
    ("P-2609", "开学季 Back to school", "KT-15、RC-40", "第二件半价",
     date(2026, 8, 25), date(2026, 9, 15), "需通过学生认证"),
    ("P-2610", "门锁免费安装 Free door lock installation", "DL-7、DL-7F", "免120元安装费",
     date(2026, 10, 1), date(2028, 3, 31), "限市区，乡镇加收远途费"),
    ("P-2611", "黑五返场 Black Friday", "VX-20S、RV-9E", "VX-20S到手价1299元，RV-9E到手价3199元",
     date(2026, 11, 20), date(2026, 11, 30), "每个账号每款限购2台，不与以旧换新同用"),
    ("P-2612", "双十二 Double Twelve", "全场", "每满400元减60元",
     date(2026, 12, 10), date(2026, 12, 12), "可与会员积分同用"),
    ("P-2614", "新房除醛套装 New home bundle", "AP-300B", "买AP-300B送一个F-3002B滤芯",
     date(2026, 11, 15), date(2028, 1, 31), "滤芯随机器寄出，退机时须一并退回"),
    ("P-2615", "暖冬水壶 Warm winter kettle", "KT-15T", "减50元，送保温杯一个",
     date(2026, 11, 10), date(2027, 2, 28), "保温杯颜色随机"),
    ("P-2620", "年货节 Spring Festival sale", "全场", "每满500元减80元，满1500元送大米一袋",
     date(2027, 1, 15), date(2027, 2, 5), "赠品送完为止"),
)
# fmt: on


def build(path: Path, rows: Sequence[Row] = PROMOTIONS) -> None:
    """Write the workbook anew.

    Args:
        path: where.
        rows: the promotions.
    """
    book = Workbook()
    book.properties.creator = "栖居电器"
    book.properties.created = book.properties.modified = STAMP
    sheet = book.active
    assert sheet is not None
    sheet.title = "促销活动"
    sheet.append(HEADER)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for row in rows:
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, date):
                cell.number_format = "yyyy-mm-dd"
    for column, width in zip("ABCDEFG", (10, 24, 24, 40, 14, 14, 44), strict=True):
        sheet.column_dimensions[column].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_fixed(buffer.getvalue()))


def _fixed(data: bytes) -> bytes:
    """Return a workbook again with fixed times."""
    stamp = f"{STAMP:%Y-%m-%dT%H:%M:%SZ}".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(?<=W3CDTF\">)[^<]+", stamp, content)
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            new.writestr(info, content)
    return buffer.getvalue()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    build(target)
    print(f"{target.name}: {len(PROMOTIONS)} promotions")
