"""Tools of the shop: orders and returns in data/shop.db, promotions in docs/promotions.

Who asks is `principal`, which Waypost fills in; no argument names a customer. So nobody can be shown
what is another's, whatever a question, a note or a chat model says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

PROJECT = Path(__file__).parent
DATABASE = PROJECT / "data" / "shop.db"
PROMOTIONS = PROJECT / "docs" / "promotions" / "promotions.xlsx"
PATIENCE = 10.0  # seconds to wait for another process that writes
SHOWN = 10  # orders and contacts of a history

Texts = dict[str, str]

Order = Annotated[
    str,
    Field(
        title="订单号 order number",
        description="QJ and eight digits, such as QJ26100001",
        pattern=r"^[Qq][Jj]-?[0-9]{8}$",
    ),
]
Model = Annotated[
    Literal[
        "VX-20", "VX-20S", "VX-20P", "AP-300", "AP-300B", "KT-15", "KT-15T", "RC-40", "RC-40H",
        "HM-6", "HM-6U", "RV-9", "RV-9E", "DL-7", "DL-7F",
    ],
    Field(
        title="型号 model",
        description="the model that is sent back; needed where an order has several",
        json_schema_extra={
            "aliases": {
                "vx20": "VX-20", "vx20s": "VX-20S", "vx20p": "VX-20P", "ap300": "AP-300",
                "ap300b": "AP-300B", "kt15": "KT-15", "kt15t": "KT-15T", "rc40": "RC-40",
                "rc40h": "RC-40H", "hm6": "HM-6", "hm6u": "HM-6U", "rv9": "RV-9", "rv9e": "RV-9E",
                "dl7": "DL-7", "dl7f": "DL-7F",
            }
        },
    ),
]  # fmt: skip
Reason = Annotated[
    Literal["无理由", "质量问题", "发错货"],
    Field(
        title="退货原因 reason",
        json_schema_extra={
            "aliases": {
                "不想要": "无理由", "不喜欢": "无理由", "changed my mind": "无理由",
                "don't want": "无理由", "坏了": "质量问题", "故障": "质量问题",
                "faulty": "质量问题", "broken": "质量问题", "defective": "质量问题", "发错": "发错货",
                "wrong item": "发错货", "wrong model": "发错货",
            }
        },
    ),
]  # fmt: skip
Day = Annotated[
    str,
    Field(
        title="日期 date",
        description="YYYY-MM-DD, or today, tomorrow, yesterday",
        pattern=r"^(today|tomorrow|yesterday|20[0-9][0-9]-[01][0-9]-[0-3][0-9])$",
        json_schema_extra={
            "format": "date",
            "aliases": {
                "今天": "today", "今日": "today", "现在": "today", "目前": "today", "当前": "today", "眼下": "today",
                "now": "today", "currently": "today", "明天": "tomorrow", "明日": "tomorrow",
                "today": "today", "tomorrow": "tomorrow", "yesterday": "yesterday", "昨天": "yesterday",
                "昨日": "yesterday",
            },
        },
    ),
]  # fmt: skip
STATUS: dict[str, Texts] = {
    "paid": {"zh": "已付款，待发货", "en": "paid, not yet sent"},
    "shipped": {"zh": "运输中，预计{day}送达", "en": "on its way, expected on {day}"},
    "delivered": {"zh": "已于{day}签收", "en": "delivered on {day}"},
    "cancelled": {"zh": "已取消", "en": "cancelled"},
}
SIGN_IN: Texts = {
    "zh": "请先登录，小智只能为您查询您自己的订单。",
    "en": "Please sign in first: I can only look up your own orders.",
}


@tool
def order_status(order: Order, principal: Any = None) -> dict[str, Any]:
    """查询一个订单的状态、物流、快递单号和商品。Says where an order is: its status, carrier, tracking number and items."""
    if principal is None:
        return {"found": False, "summary": SIGN_IN}
    number = _number(order)
    with _opened() as database:
        row = _order(database, number, principal.id)
        if row is None:
            return {"found": False, "summary": _unknown(number)}
        items = _items(database, number)
        returns = database.execute(
            "SELECT 'R' || printf('%06d', returns.id), model FROM returns JOIN order_lines ON line = order_lines.id"
            " WHERE order_number = ?",
            (number,),
        ).fetchall()
    # What customers wrote into an order stays out: a model could take it for the shop's word.
    status = _status(row)
    back = "、".join(f"{model}（{name}）" for name, model in returns)
    back_en = ", ".join(f"{model} ({name})" for name, model in returns)
    way = f"承运：{row['carrier']}，单号{row['tracking']}。" if row["tracking"] else ""
    way_en = f" Carrier {row['carrier']}, tracking {row['tracking']}." if row["tracking"] else ""
    return {
        "found": True,
        "order": number,
        "status": row["status"],
        "items": items,
        "summary": {
            "zh": f"您的订单{number}（{_listed(items, '、')}）{status['zh']}。{way}"
            + (f"退货单：{back}。" if back else ""),
            "en": f"Your order {number} ({_listed(items, ', ')}) is {status['en']}.{way_en}"
            + (f" Returns: {back_en}." if back_en else ""),
        },
    }


@tool
def user_history(principal: Any = None) -> dict[str, Any]:
    """查询我自己的购买记录、历史订单、报修和投诉记录。Lists one's own past orders, repairs and complaints."""
    if principal is None:
        return {"orders": [], "contacts": [], "summary": SIGN_IN}
    with _opened() as database:
        rows = database.execute(
            "SELECT * FROM orders WHERE customer = ? ORDER BY placed DESC, number LIMIT ?",
            (principal.id, SHOWN),
        ).fetchall()
        orders = [(row, _items(database, row["number"])) for row in rows]
        contacts = database.execute(
            "SELECT day, kind, about FROM contacts WHERE customer = ? ORDER BY day DESC LIMIT ?",
            (principal.id, SHOWN),
        ).fetchall()
    lines = {
        "zh": [f"- {row['placed']} {row['number']}：{_listed(items, '、')}，{_status(row)['zh']}" for row, items in orders],
        "en": [f"- {row['placed']} {row['number']}: {_listed(items, ', ')}, {_status(row)['en']}" for row, items in orders],
    }  # fmt: skip
    said = [f"- {one['day']} {one['kind']}：{one['about']}" for one in contacts]
    empty = not orders and not said
    return {
        "orders": [row["number"] for row, _ in orders],
        "contacts": [dict(one) for one in contacts],
        "summary": {
            "zh": "您还没有订单或服务记录。"
            if empty
            else "\n".join(["您的订单和服务记录：", *lines["zh"], *said]),
            "en": "You have no orders or service records yet."
            if empty
            else "\n".join(["Your orders and service records:", *lines["en"], *said]),
        },
    }


@tool
def active_promotions(date: Day = "today") -> dict[str, Any]:
    """查询某一天有哪些促销活动、优惠、折扣正在进行。Lists the promotions, discounts and deals that run on a day."""
    day = _day(date)
    running = [one for one in _promotions() if one["开始日期"] <= day <= one["结束日期"]]
    lines = {
        "zh": [
            f"- {one['活动名称']}：{one['优惠内容']}（{one['适用商品']}，至{one['结束日期']}；{one['参加条件']}）"
            for one in running
        ],
        "en": [
            f"- {one['活动名称']}: {one['优惠内容']} ({one['适用商品']}, until {one['结束日期']}; {one['参加条件']})"
            for one in running
        ],
    }
    return {
        "date": day,
        "promotions": [one["编号"] for one in running],
        "summary": {
            "zh": "\n".join([f"{day}进行中的活动：", *lines["zh"]])
            if running
            else f"{day}没有进行中的活动。",
            "en": "\n".join([f"Promotions on {day}:", *lines["en"]])
            if running
            else f"There is no promotion on {day}.",
        },
    }


@tool
def create_return(
    order: Order,
    idempotency_key: str,
    model: Model | None = None,
    reason: Reason = "无理由",
    principal: Any = None,
) -> dict[str, Any]:
    """为自己订单里的一件商品申请退货，建退货单。Makes a return for an item of one's own order."""
    if principal is None:
        return {"created": False, "summary": SIGN_IN}
    number = _number(order)
    with _opened(write=True) as database:
        row = _order(database, number, principal.id)
        if row is None:
            return {"created": False, "summary": _unknown(number)}
        if row["status"] != "delivered":
            return {"created": False, "summary": _not_delivered(number)}
        lines = database.execute(
            "SELECT id, model FROM order_lines WHERE order_number = ? ORDER BY id", (number,)
        ).fetchall()
        chosen = [line for line in lines if model is None or line["model"] == model]
        if len(chosen) != 1:
            return {"created": False, "summary": _which([line["model"] for line in lines], number)}
        [line] = chosen
        # One return for each line, whoever asks however often: the table's own constraint sees to it.
        made = database.execute(
            "INSERT OR IGNORE INTO returns (line, reason, created, key) VALUES (?, ?, ?, ?)",
            (line["id"], reason, date.today().isoformat(), idempotency_key),
        ).rowcount
        found = database.execute("SELECT * FROM returns WHERE line = ?", (line["id"],)).fetchone()
    name = f"R{found['id']:06d}"
    mine = bool(made) or found["key"] == idempotency_key
    return {
        "created": mine,
        "return": name,
        "order": number,
        "model": line["model"],
        "summary": {
            "zh": f"已为您的订单{number}中的{line['model']}建好退货单{name}，快递员会联系您上门取件。"
            if mine
            else f"您的订单{number}中的{line['model']}已经有退货单{name}，没有再建第二张。",
            "en": f"Return {name} is made for the {line['model']} of your order {number}; a courier will call you."
            if mine
            else f"The {line['model']} of your order {number} already has the return {name}; no second one was made.",
        },
    }


@contextmanager
def _opened(*, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the database, for reading only or for one transaction."""
    mode = "rw" if write else "ro"
    source = f"{DATABASE.as_uri()}?mode={mode}"
    with closing(
        sqlite3.connect(source, uri=True, timeout=PATIENCE, isolation_level=None)
    ) as database:
        database.row_factory = sqlite3.Row
        if write:
            database.execute("BEGIN IMMEDIATE")
        yield database
        if write:
            database.execute("COMMIT")


def _number(order: str) -> str:
    return order.upper().replace("-", "")


def _order(database: sqlite3.Connection, number: str, customer: str) -> Any:
    """Return a customer's own order; another's is as unknown as one that does not exist."""
    return database.execute(
        "SELECT * FROM orders WHERE number = ? AND customer = ?", (number, customer)
    ).fetchone()


def _items(database: sqlite3.Connection, number: str) -> list[dict[str, Any]]:
    rows = database.execute(
        "SELECT model, quantity, price FROM order_lines WHERE order_number = ? ORDER BY id",
        (number,),
    )
    return [dict(row) for row in rows]


def _listed(items: list[dict[str, Any]], separator: str) -> str:
    return separator.join(f"{item['model']} ×{item['quantity']}" for item in items)


def _status(row: Any) -> Texts:
    return {
        language: text.format(day=row["delivered"])
        for language, text in STATUS[row["status"]].items()
    }


def _unknown(number: str) -> Texts:
    return {
        "zh": f"您名下没有订单{number}。请核对订单号；小智只能查询您自己的订单。",
        "en": f"There is no order {number} of yours. Please check the number; I can only look up your own orders.",
    }


def _not_delivered(number: str) -> Texts:
    return {
        "zh": f"订单{number}还没有签收，或者已经取消，不能申请退货。",
        "en": f"The order {number} is not delivered yet, or cancelled, so it cannot be returned.",
    }


def _which(models: list[str], number: str) -> Texts:
    return {
        "zh": f"请说明要退订单{number}中的哪一件：{'、'.join(models)}。",
        "en": f"Which item of the order {number} do you want to return: {', '.join(models)}?",
    }


def _day(wanted: str) -> str:
    near = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if wanted in near:
        return (date.today() + timedelta(days=near[wanted])).isoformat()
    return date.fromisoformat(wanted).isoformat()


def _promotions() -> list[dict[str, str]]:
    """Read the list of promotions anew: it changes every day."""
    from openpyxl import load_workbook

    with closing(load_workbook(PROMOTIONS, read_only=True, data_only=True)) as book:
        sheet = book[book.sheetnames[0]]
        header, *rows = [row for row in sheet.iter_rows(values_only=True) if any(row)]
    return [
        {str(name): _text(cell) for name, cell in zip(header, row, strict=False)} for row in rows
    ]


def _text(cell: Any) -> str:
    return cell.date().isoformat() if hasattr(cell, "date") else str(cell or "")
