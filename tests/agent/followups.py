"""Conversations of follow-ups and of changes of topic, in Chinese and English, in six fields.

A line is the turns, `>>` between them, and what the last one must become when it stands alone: `==`
before the texts that will do (`||` between them), or `+` before words that must and `-` before words
that must not be there (`/` between words of which one will do). Lines of `SWITCHES` must stay as they
are, and those of `DOUBTFUL` may have what they must become as their second reading. `CORE` is what the
readings were made with. `HELD_OUT` was written before they were first run, by who made them, and is
not tuned to: it is measured, and tested only for what must hold of any conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.routing import Slot, Standalone, standalone
from agent.routing.followup import FindSlots
from agent.tools import Tool, find_slots

__all__ = [
    "CORE",
    "CORE_SWITCHES",
    "DOUBTFUL",
    "HELD_OUT",
    "HELD_OUT_SWITCHES",
    "Conversation",
    "conversations",
    "slots_of",
    "talked",
]


@dataclass(frozen=True)
class Conversation:
    """Turns, and what the last one must become."""

    turns: tuple[str, ...]
    exact: tuple[str, ...] = ()
    with_words: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()

    def accepts(self, text: str) -> bool:
        """Say whether the last turn became something acceptable."""
        folded = text.casefold()
        if self.exact and text not in self.exact:
            return False
        return all(any(word in folded for word in words) for words in self.with_words) and not any(
            word in folded for word in self.without
        )


def slots_of(tools: Mapping[str, Tool]) -> FindSlots:
    """Return what finds the values of a project's tools, as `prepare` does."""

    def find(text: str) -> list[Slot]:
        found = find_slots(list(tools.values()), text)
        return [Slot(value.argument, value.value, value.start, value.end) for value in found]

    return find


def talked(turns: Sequence[str], find: FindSlots) -> Standalone:
    """Return what the last of the turns becomes, each read with the one before."""
    last = Standalone("", "")
    for turn in turns:
        last = standalone(turn, last.text or None, find, last.topic)
    return last


def conversations(table: str) -> list[Conversation]:
    """Return the conversations of a table; a line without a mark must stay as it is."""
    return [_conversation(line) for line in table.strip().splitlines() if line.strip()]


def _conversation(line: str) -> Conversation:
    talk, equals, texts = line.partition(" == ")
    if equals:
        return Conversation(_turns(talk), exact=tuple(text.strip() for text in texts.split("||")))
    talk, plus, words = line.partition(" + ")
    if not plus:
        turns = _turns(line)
        return Conversation(turns, exact=(turns[-1],))
    wanted, _, unwanted = words.partition(" - ")
    return Conversation(
        _turns(talk),
        with_words=tuple(tuple(word.strip().split("/")) for word in wanted.casefold().split(" + ")),
        without=tuple(word.strip() for word in unwanted.casefold().split(" - ") if word.strip()),
    )


def _turns(text: str) -> tuple[str, ...]:
    return tuple(turn.strip() for turn in text.split(">>"))


CORE = """
东站项目2024年三季度的纳统金额是多少？ >> 2025年呢？ == 东站项目2025年三季度的纳统金额是多少？
东站项目2024年三季度的纳统金额是多少？ >> 2025年全年呢？ == 东站项目2025年全年的纳统金额是多少？
东站项目2024年三季度的纳统金额是多少？ >> 上一年呢？ == 东站项目2023年三季度的纳统金额是多少？
东站项目2024年三季度的纳统金额是多少？ >> 去年同期呢？ == 东站项目2023年三季度的纳统金额是多少？
东站项目2024年三季度的纳统金额是多少？ >> 上一季度呢？ == 东站项目2024年第二季度的纳统金额是多少？ || 东站项目2024年二季度的纳统金额是多少？
东站项目2024年1月的完成投资是多少？ >> 那上个月呢 == 东站项目2023年12月的完成投资是多少？
东站项目2024年的完成投资是多少？ >> 下一年呢？ == 东站项目2025年的完成投资是多少？
What was the net profit in Q3 2024? >> and in 2023? == What was the net profit in Q3 2023?
What was the net profit in 2024? >> and the year before? == What was the net profit in 2023?
What was the net profit in 2024? >> What about the previous year? == What was the net profit in 2023?
What was the net profit in Q3 2024? >> and Q2? == What was the net profit in Q2 2024?
2024年的营业收入是多少？ >> 那去年呢？ == 去年的营业收入是多少？
招标采购管理办法第五条是怎么规定的？ >> 第六条呢？ == 招标采购管理办法第六条是怎么规定的？
招标采购管理办法第五条是怎么规定的？ >> 第六条呢？ >> 那第七条呢？ == 招标采购管理办法第七条是怎么规定的？
劳动合同法第三十九条规定了什么？ >> 四十条呢？ + 劳动合同法 + 四十条 - 三十九
What does article 5 of the lease say? >> and article 6? == What does article 6 of the lease say?
What does clause 12 cover? >> What about clause 14? == What does clause 14 cover?
第一章讲了什么？ >> 第三章呢 == 第三章讲了什么？
东站项目的环保措施有哪些？ >> 那费用呢 >> 那工期呢 + 东站项目的环保措施 + 工期 - 费用
东站项目的环保措施有哪些？ >> 那费用呢 >> 那工期呢 >> 那西站呢 + 西站 + 环保措施 + 工期 - 费用 - 东站
东站项目的环保措施有哪些？ >> 那费用呢 >> 那西站呢 >> 那风险呢 + 西站 + 环保措施 + 风险 - 费用 - 东站
信用卡的年费是多少？ >> 那额度呢？ >> 申请条件呢？ + 信用卡 + 申请条件 - 额度
信用卡的年费是多少？ >> 那额度呢？ + 信用卡 + 额度 - 年费
What is the dosage of ibuprofen? >> and the side effects? >> and the price? + price + ibuprofen - side effects - dosage
What is the dosage of ibuprofen? >> What about paracetamol? == What is the dosage of paracetamol?
What is the dosage of ibuprofen? >> and the side effects? >> what about paracetamol? + side effects + paracetamol - ibuprofen - dosage
年假有几天？ >> 那病假呢？ == 病假有几天？
年假要谁批准？ >> 病假呢？ >> 婚假呢？ == 婚假要谁批准？
鞋子的退货期限是多久？ >> 那电子产品呢？ == 电子产品的退货期限是多久？
What is the return period for shoes? >> What about electronics? == What is the return period for electronics?
Who approves change orders? >> What about payments? == Who approves payments?
Who approves annual leave? >> and sick leave? == Who approves sick leave?
布洛芬的用量是多少？ >> 副作用呢？ + 布洛芬 + 副作用 - 用量
阿莫西林的禁忌有哪些？ >> 它和酒能一起吃吗？ + 阿莫西林和酒能一起吃吗
json.dumps 的参数有哪些？ >> json.loads 呢？ + json.loads + 参数 - json.dumps
useState 怎么用？ >> 那 useEffect 呢？ == useEffect 怎么用？
How do I install the client on Linux? >> And on Windows? == How do I install the client on Windows?
How do I install the client on Linux? >> and macOS? == How do I install the client on macOS?
How do I configure the retry policy? >> What is its default? + retry policy + default
Python 3.11 支持哪些平台？ >> 3.12 呢？ == Python 3.12 支持哪些平台？
一期工程什么时候竣工？ >> 二期呢？ + 二期 + 什么时候竣工 - 一期
工作满10年的年假有几天？ >> 那20年呢？ == 工作满20年的年假有几天？
50万以下的变更由谁审批？ >> 超过100万的呢？ == 超过100万的变更由谁审批？
试用期员工有年假吗？ >> 正式员工呢？ == 正式员工有年假吗？
增值税税率是多少？ >> 所得税呢？ + 所得税 + 税率/是多少 - 增值税
甲方违约要承担什么责任？ >> 那乙方呢 == 乙方违约要承担什么责任？
北京的租房补贴是多少？ >> 上海呢？ == 上海的租房补贴是多少？
东站的完成投资是多少？ >> 和西站比呢？ + 东站 + 西站 + 完成投资
东站2024年的完成投资是多少？ >> 跟2023年相比呢 + 东站 + 2024年 + 2023年 + 完成投资
What was the revenue of the North region in 2024? >> compared to 2023? + North region + 2024 + 2023 + revenue
东站项目的环保措施有哪些？ >> and West Station? + West Station/西站 + 环保措施 - 东站
东站项目的环保措施有哪些？ >> what about the cost? + cost + 东站 + 环保措施
What are the side effects of aspirin? >> 那禁忌呢？ + aspirin + 禁忌
公积金怎么提取？ >> 需要什么材料？ + 公积金 + 什么材料
公积金怎么提取？ >> 要多久？ + 公积金 + 要多久
退款什么时候到账？ >> 为什么这么慢？ + 退款 + 为什么
How do I get a refund? >> How long does it take? + refund + how long
东站项目的环保措施有哪些？ >> 其他的呢？ + 东站项目的环保措施 + 其他
What are the warranty conditions? >> anything else? + warranty conditions + else
保修条款有哪些？ >> 详细说说 + 保修条款
保修条款有哪些？ >> 西站呢？ >> 我说的是东站 + 东站 + 保修条款 - 西站
What was the completed investment of the East Station in 2024? >> no, I meant 2023 == What was the completed investment of the East Station in 2023?
深基坑开挖需要专家论证吗？ >> 高支模也需要吗？ + 高支模 + 需要/论证
押金什么时候退？ >> 如果提前退租呢？ + 押金 + 提前退租
这个系统支持单点登录吗？ >> 那双因素认证呢？ + 系统 + 双因素认证
合同的付款方式有哪些？ >> 这些由谁确认？ + 付款方式 + 由谁确认
高血压患者能打疫苗吗？ >> 他们要注意什么？ + 高血压患者 + 要注意什么
东站项目的安全措施有哪些？ >> 谁来检查？ + 东站 + 安全措施 + 谁来检查
物业费什么时候交？ >> 逾期了会怎样？ + 物业费 + 逾期
物业费怎么算？ >> 车位费呢？ == 车位费怎么算？
社保断缴有什么影响？ >> 医保呢？ + 医保 + 断缴/影响 - 社保
离职证明怎么开？ >> 在职证明呢？ == 在职证明怎么开？
试用期最长是几个月？ >> 三年合同呢？ + 三年合同 + 试用期
劳动仲裁的时效是多久？ >> 从什么时候开始算？ + 劳动仲裁 + 从什么时候开始算
劳动合同法第八十二条是什么？ >> 它适用于实习生吗？ + 劳动合同法 + 适用于实习生
股票质押的风险有哪些？ >> 怎么防范？ + 股票质押 + 怎么防范
2023年净利润是多少？ >> 毛利率呢？ >> 2022年呢？ + 2022年 + 毛利率
2023年净利润是多少？ >> 毛利率呢？ >> 2022年呢？ >> 那营业收入呢？ + 2022年 + 营业收入 - 毛利率
人民币存款利率是多少？ >> 美元呢？ == 美元存款利率是多少？
个人住房贷款的首付比例是多少？ >> 二套房呢？ + 二套房 + 首付比例
胰岛素怎么保存？ >> 开封后呢？ + 胰岛素 + 开封后
孩子发烧38度怎么办？ >> 39度呢？ == 孩子发烧39度怎么办？
阿司匹林和华法林能一起吃吗？ >> 和布洛芬呢？ + 阿司匹林 + 布洛芬
git rebase 和 git merge 有什么区别？ >> 哪个更安全？ + git rebase + git merge + 哪个更安全
How do I revert a commit in Git? >> What if I already pushed it? + revert a commit + pushed
How do I read a CSV file in pandas? >> and Excel files? + excel files + pandas
What does the retry decorator do? >> Does it work with async functions? + retry decorator + async functions
Which Python versions are supported? >> and Node? + node + supported - python
What is the timeout of the login endpoint? >> And the rate limit? >> And for the search endpoint? + search endpoint + rate limit - login - timeout
What are the symptoms of diabetes? >> How is it treated? + diabetes + treated
What are the symptoms of diabetes? >> and hypertension? == What are the symptoms of hypertension?
What are the symptoms of diabetes? >> in children? + symptoms of diabetes + children
Can pregnant women take ibuprofen? >> And aspirin? == Can pregnant women take aspirin?
What is the statute of limitations for fraud? >> For theft? == What is the statute of limitations for theft?
How much notice must a landlord give? >> And a tenant? == How much notice must a tenant give?
Where can I track my parcel? >> When will it arrive? + parcel + arrive
Do you ship to Norway? >> How much does that cost? + norway + cost
What was revenue in Q4 2023? >> vs Q4 2022? + Q4 2023 + Q4 2022 + revenue
What is the capacity of warehouse A? >> and B? + b - warehouse A
发票什么时候开？ >> 可以开电子的吗？ + 发票 + 电子
会议室怎么预订？ >> 取消呢？ + 会议室 + 取消
塔吊司机需要什么证书？ >> 信号工呢 == 信号工需要什么证书？
深圳的公积金缴存比例是多少？ >> 广州呢？ >> 那基数呢？ + 广州 + 公积金 + 基数 - 深圳
东站项目的质量问题有哪些？ >> 西站呢？ >> 5号线一期呢？ == 5号线一期项目的质量问题有哪些？ || 5号线一期的质量问题有哪些？
东站的完成投资是多少？ >> 计划投资呢？ >> 西站的呢？ == 西站的计划投资是多少？
东站2024年的完成投资是多少？ >> 换成2023年的 == 东站2023年的完成投资是多少？
What is the warranty for laptops? >> 手机呢？ + 手机 + warranty - laptops
监理日志由谁填写？ >> 多久交一次？ + 监理日志 + 多久交一次
第一阶段的交付物是什么？ >> 第二阶段呢？ >> 第三阶段呢？ == 第三阶段的交付物是什么？
这份合同的甲方是谁？ >> 乙方呢？ == 这份合同的乙方是谁？
质保金什么时候退？ >> 比例是多少？ + 质保金 + 比例是多少
质保金什么时候退？ >> 有没有利息？ + 质保金 + 有没有利息
桥梁工程的验收标准是什么？ >> 隧道工程呢？ == 隧道工程的验收标准是什么？
桥梁工程的验收标准是什么？ >> 由哪个部门组织？ + 桥梁工程 + 由哪个部门组织
桥梁工程的验收标准是什么？ >> 验收资料呢？ >> 验收时间呢？ + 桥梁工程 + 验收时间 - 资料
设计变更需要几级审批？ >> 材料变更呢？ == 材料变更需要几级审批？
5号线一期2022年的计划投资是多少？ >> 2023年呢？ >> 完成投资呢？ == 5号线一期2023年的完成投资是多少？
5号线一期2022年的计划投资是多少？ >> 东站2023年呢？ == 东站2023年的计划投资是多少？
What was the headcount at the end of 2021? >> and at the end of 2022? == What was the headcount at the end of 2022?
退换货政策是什么？ >> 那生鲜呢？ + 生鲜 + 退换货
退换货政策是什么？ >> 如果已经拆封了呢？ + 退换货 + 已经拆封
优惠券怎么领取？ >> 它能叠加使用吗？ + 优惠券能叠加使用
优惠券怎么领取？ >> 使用范围呢？ + 优惠券 + 使用范围
How do I change my delivery address? >> And my phone number? + phone number + change
How long is the trial period? >> Can it be extended? + trial period + extended
Which plan includes phone support? >> What does it cost? + cost + plan
pandas 怎么合并两个表？ >> polars 呢？ == polars 怎么合并两个表？
pandas 怎么合并两个表？ >> 按日期排序呢？ + pandas + 按日期排序
这个函数的返回值是什么？ >> 异常呢？ + 函数 + 异常
How do I mock an HTTP request in pytest? >> and in unittest? == How do I mock an HTTP request in unittest?
What does the --force flag do? >> What about the --dry-run flag? + --dry-run + do - --force
开放式基金的申购费率是多少？ >> 赎回费率呢？ + 开放式基金 + 赎回费率 - 申购
开放式基金的申购费率是多少？ >> 封闭式基金呢？ == 封闭式基金的申购费率是多少？
个税起征点是多少？ >> 专项附加扣除有哪些呢？ + 专项附加扣除有哪些
公司2023年的研发费用是多少？ >> 前一年呢？ >> 那销售费用呢？ + 2022年 + 销售费用 - 研发
What is the expense ratio of the fund? >> and its minimum investment? + minimum investment + fund
遗嘱公证需要哪些材料？ >> 房产赠与呢？ + 房产赠与 + 哪些材料 - 遗嘱
民事诉讼时效是几年？ >> 刑事呢？ + 刑事 + 时效
What is the fine for speeding? >> How do I appeal it? + appeal + speeding
Can I terminate the lease early? >> What notice do I have to give? + what notice do i have to give
What rights do employees have during probation? >> And after probation? + after probation + rights
降压药什么时候吃最好？ >> 忘记吃了怎么办？ + 降压药 + 忘记吃
乙肝疫苗要打几针？ >> 间隔多久？ + 乙肝疫苗 + 间隔多久
乙肝疫苗要打几针？ >> 水痘疫苗呢？ == 水痘疫苗要打几针？
骨折后多久可以走路？ >> 韧带拉伤呢？ + 韧带拉伤 + 多久可以走路
What is the normal range of blood glucose? >> And cholesterol? == What is the normal range of cholesterol?
Is aspirin safe during pregnancy? >> and while breastfeeding? + aspirin + breastfeeding
What is the normal range of blood glucose? >> 那血压呢？ + 血压 + normal range
隧道监测的频率是多少？ >> 谁负责？ + 隧道监测 + 谁负责
东站的纳统金额2023年是多少？ >> 2024年呢？ >> 西站呢？ + 西站 + 2024年 + 纳统金额 - 东站 - 2023
履约保证金什么时候退还？ >> 质量保证金呢？ == 质量保证金什么时候退还？
What is the deadline for the monthly report? >> and the annual report? + annual report + deadline - monthly
Who signs the completion certificate? >> And who keeps it? + completion certificate + who keeps
会员到期怎么续费？ >> 会自动扣款吗？ + 会员 + 会自动扣款
How do I reset my password? >> What about my PIN? + pin + reset - password
Do you offer student discounts? >> For teachers? + teachers + discounts
Rust 的所有权是什么意思？ >> 生命周期呢？ + 生命周期 + 是什么意思/Rust
信托产品的门槛是多少？ >> 收益率呢？ >> 风险等级呢？ + 信托产品 + 风险等级 - 收益率
What is the coupon of the 2030 bond? >> And the yield? + yield + 2030 bond - coupon
专利申请的费用是多少？ >> 商标呢？ + 商标 + 费用 - 专利
被告不出庭会怎样？ >> 原告呢？ == 原告不出庭会怎样？
Is a verbal agreement binding? >> What about an email? + email + binding - verbal
CT检查前能喝水吗？ >> 核磁共振呢？ + 核磁共振 + 喝水
高血压的诊断标准是什么？ >> 治疗方法呢？ >> 饮食禁忌呢？ + 高血压 + 饮食禁忌 - 治疗
What are the early signs of dehydration? >> How do I prevent it? + prevent + dehydration
阿司匹林每天吃多少？ >> what about ibuprofen? + ibuprofen + 每天吃多少/吃多少
东站的混凝土强度等级是C30吗？ >> C40呢？ == 东站的混凝土强度等级是C40吗？
"""

CORE_SWITCHES = """
东站项目的环保措施有哪些？ >> 公司年会在什么时候？
东站项目的环保措施有哪些？ >> 其他应收款是什么意思？
东站项目的环保措施有哪些？ >> 项目成本应该怎么核算？
东站项目的环保措施有哪些？ >> 那农民工工资保证金的比例是多少？
东站项目的环保措施有哪些？ >> 什么是形象进度？
布洛芬的用量是多少？ >> 高血压患者能不能喝咖啡？
布洛芬的用量是多少？ >> 打完疫苗后多久可以洗澡？
信用卡的年费是多少？ >> 基金定投怎么开通？
年假有几天？ >> 出差住宿费怎么报销？
年假有几天？ >> 这么多会议室哪一间可以预订？
年假有几天？ >> 尤其是新员工入职培训由谁安排？
useState 怎么用？ >> Docker 镜像怎么构建？
What is the dosage of ibuprofen? >> How do I book a meeting room?
What is the dosage of ibuprofen? >> How long does it take to get a passport?
How do I get a refund? >> Which documents does the IT department require for a new laptop?
How do I get a refund? >> Can employees bring their dogs to the office?
How do I get a refund? >> Is it legal to record phone calls?
How do I get a refund? >> And which bank holidays does the office close on?
Who approves change orders? >> What are the payment terms that suppliers have to accept?
Who approves change orders? >> If the pump leaks, how do I fix it?
What does article 5 of the lease say? >> What is the notice period for terminating a gym membership?
合同的付款方式有哪些？ >> 吉他和钢琴哪个更容易学？
合同的付款方式有哪些？ >> 西站2023年的计划投资是多少？
What was the net profit in 2024? >> What does retention money mean?
公积金怎么提取？ >> 婚前买的房子离婚怎么分？
公积金怎么提取？ >> 那公司注册需要哪些材料？
东站项目的安全措施有哪些？ >> 员工宿舍的水电费由谁承担？
物业费怎么算？ >> 公司的打印机坏了找谁修？
劳动仲裁的时效是多久？ >> 怎么申请域名备案？
股票质押的风险有哪些？ >> 请问食堂几点开门？
胰岛素怎么保存？ >> 那么多文件我应该先看哪一份？
胰岛素怎么保存？ >> 本周例会在哪个会议室开？
How do I revert a commit in Git? >> Who is the head of the legal department?
How do I revert a commit in Git? >> Thenar muscle pain: which specialist treats it?
What are the symptoms of diabetes? >> What happens to my data when I delete my account?
What are the symptoms of diabetes? >> How many days of paternity leave do fathers get?
Do you ship to Norway? >> Is there a limit on how many coupons I can use?
What was revenue in Q4 2023? >> Who signed the lease of the Berlin office?
2023年净利润是多少？ >> 办公用品怎么领用？
2023年净利润是多少？ >> 吉他社的活动时间是什么时候？
离职证明怎么开？ >> 这两年的房贷利率走势如何？
会议室怎么预订？ >> 该怎么处理客户投诉？
桥梁工程的验收标准是什么？ >> 员工体检安排在哪家医院？
退换货政策是什么？ >> 你们的营业时间到几点？
优惠券怎么领取？ >> 尤其在雨季，路基怎么排水？
pandas 怎么合并两个表？ >> 应该如何撰写会议纪要？
个税起征点是多少？ >> 其余股东是否享有优先购买权？
交通事故认定书多久出具？ >> 那曲市的海拔是多少？
乙肝疫苗要打几针？ >> 成本价和市场价的区别是什么？
降压药什么时候吃最好？ >> 这家公司的法人代表是谁？
How long is the trial period? >> Which meeting rooms have a projector?
What is the fine for speeding? >> Does the company reimburse gym memberships?
Is aspirin safe during pregnancy? >> How do I export the report as PDF?
What is the expense ratio of the fund? >> And how do interns request access to the building?
How do I mock an HTTP request in pytest? >> Is it necessary to register a trademark before launching?
Which plan includes phone support? >> What did the auditors say about their own independence?
What does the --force flag do? >> Theft insurance: what does it cover?
隧道监测的频率是多少？ >> 新办公楼的停车位怎么分配？
Who signs the completion certificate? >> How do I set up a VPN on my phone?
信托产品的门槛是多少？ >> 员工餐补每月是多少钱？
被告不出庭会怎样？ >> 其它语言的版本在哪里下载？
Is a verbal agreement binding? >> What is the phone number of the help desk?
高血压的诊断标准是什么？ >> 打印纸用完了找哪个部门领取？
How do I list branches in git? >> And does the insurance cover dental treatment?
requests 库怎么设置代理？ >> 出差订酒店有什么标准？
What are the early signs of dehydration? >> Are contractors allowed to use their own laptops?
"""

DOUBTFUL = """
交通事故认定书多久出具？ >> 对结果不服怎么办？ + 交通事故认定书 + 不服
布洛芬一天最多吃几次？ >> 孕妇能吃吗？ + 布洛芬 + 孕妇能吃吗
发票什么时候开？ >> 客户可以自取吗？ + 发票 + 客户可以自取
东站项目的环保措施有哪些？ >> 夜间施工怎么审批？ + 东站 + 夜间施工怎么审批
信用卡怎么注销？ >> 余额怎么办？ + 信用卡 + 余额
What are the symptoms of diabetes? >> Does diet help? + diabetes + diet help
"""

HELD_OUT = """
西站项目2023年二季度的完成投资是多少？ >> 2024年呢 == 西站项目2024年二季度的完成投资是多少？
西站项目2023年二季度的完成投资是多少？ >> 下个季度呢？ == 西站项目2023年第三季度的完成投资是多少？ || 西站项目2023年三季度的完成投资是多少？
西站项目2023年上半年的纳统金额是多少？ >> 下半年呢？ == 西站项目2023年下半年的纳统金额是多少？
西站项目2023年的计划投资是多少？ >> 前一年呢？ == 西站项目2022年的计划投资是多少？
What was the operating cost in the third quarter of 2022? >> and 2023? == What was the operating cost in the third quarter of 2023?
How many tickets were closed in 2022? >> the year after? == How many tickets were closed in 2023?
What was the churn rate in May 2024? >> And April? + churn rate + April - May
5月的客诉数量是多少？ >> 6月呢？ == 6月的客诉数量是多少？
民法典第十条说了什么？ >> 那第十二条呢？ == 民法典第十二条说了什么？
员工手册第三章第二节讲什么？ >> 第四节呢？ == 员工手册第三章第四节讲什么？
What does section 3 of the policy require? >> And section 4? == What does section 4 of the policy require?
How do I complete step 2? >> step 3? == How do I complete step 3?
What is in chapter 7? >> and chapter 8? >> and chapter 9? == What is in chapter 9?
贷款的利率是多少？ >> 期限呢？ >> 那手续费呢？ + 贷款 + 手续费 - 利率 - 期限
贷款的利率是多少？ >> 期限呢？ >> 那手续费呢？ >> 还款方式呢？ + 贷款 + 还款方式 - 手续费 - 期限
What is the premium of the travel insurance? >> and the coverage? >> and the deductible? >> and the exclusions? + travel insurance + exclusions - coverage - deductible
地铁5号线一期的总投资是多少？ >> 那工期呢？ >> 施工单位呢？ + 5号线一期 + 施工单位 - 工期
青霉素的皮试怎么做？ >> 头孢呢？ == 头孢的皮试怎么做？
胃镜检查前要禁食多久？ >> 那肠镜呢？ == 肠镜检查前要禁食多久？ || 肠镜前要禁食多久？
流感疫苗的接种对象有哪些？ >> 不良反应呢？ + 流感疫苗 + 不良反应
二甲双胍什么时候吃？ >> 它有什么副作用？ + 二甲双胍有什么副作用
What is the half-life of caffeine? >> And nicotine? == What is the half-life of nicotine?
Which vaccines do children need at age 2? >> and at age 5? == Which vaccines do children need at age 5?
What are the contraindications of warfarin? >> Can it be taken with alcohol? + warfarin + alcohol
租赁合同的违约金怎么算？ >> 买卖合同呢？ == 买卖合同的违约金怎么算？
盗窃罪的立案标准是什么？ >> 诈骗罪呢？ == 诈骗罪的立案标准是什么？
离婚诉讼要去哪个法院？ >> 需要带什么证件？ + 离婚诉讼 + 什么证件
一审判决不服怎么办？ >> 二审呢？ == 二审判决不服怎么办？ || 二审不服怎么办？
工伤认定的申请时限是多久？ >> 由谁申请？ + 工伤认定 + 由谁申请
What is the limitation period for contract claims? >> What about tort claims? == What is the limitation period for tort claims?
What is the penalty for late filing? >> and the deadline? + deadline + late filing
Can a tenant sublet the flat? >> What about a roommate? + roommate + sublet
增值税发票怎么开？ >> 那普通发票呢？ == 普通发票怎么开？
对公账户怎么开户？ >> 个人账户呢 == 个人账户怎么开户？
差旅费的报销标准是多少？ >> 招待费呢？ == 招待费的报销标准是多少？
应收账款怎么计提坏账？ >> 其他应收款呢？ == 其他应收款怎么计提坏账？
What is the VAT rate in Germany? >> and in France? == What is the VAT rate in France?
What is the VAT rate in Germany? >> and in France? >> What about Spain? == What is the VAT rate in Spain?
Which accounts are audited every year? >> and every quarter? + accounts + audited + every quarter
asyncio.gather 怎么处理异常？ >> asyncio.wait 呢？ == asyncio.wait 怎么处理异常？
MySQL 怎么建索引？ >> PostgreSQL 呢？ == PostgreSQL 怎么建索引？
这个接口的超时时间是多少？ >> 重试次数呢？ + 接口 + 重试次数 - 超时时间
Redis 缓存什么时候失效？ >> 怎么手动清理？ + redis 缓存 + 怎么手动清理
How do I paginate results in the REST API? >> And in GraphQL? + graphql + paginate
How does the scheduler retry failed jobs? >> Can I disable it? + disable + scheduler/retry/jobs
What does HTTP 404 mean? >> and 403? == What does HTTP 403 mean?
What is the maximum size of a file upload? >> Why? + why + file upload
How do I enable debug logging in Django? >> Flask? == How do I enable debug logging in Flask?
黄金会员有哪些权益？ >> 白金会员呢？ == 白金会员有哪些权益？
快递丢了怎么赔偿？ >> 多久能赔？ + 快递 + 多久能赔
手机屏幕碎了保修吗？ >> 电池呢？ + 电池 + 保修 - 屏幕
订单怎么取消？ >> 已经发货的呢？ + 订单 + 已经发货 + 取消
会员积分怎么兑换？ >> 有效期呢？ + 会员积分 + 有效期
How do I cancel my order? >> What if it has already shipped? + order + shipped
How much is express shipping to Canada? >> and standard shipping? + standard shipping + canada - express
Do you deliver on Saturdays? >> Sundays? == Do you deliver on Sundays?
Can I return opened software? >> How about gift cards? == Can I return gift cards?
塔吊拆除方案由谁审批？ >> 脚手架呢？ + 脚手架 + 由谁审批
东站2024年的计划投资是多少？ >> 与西站相比呢？ + 东站 + 西站 + 计划投资
工程变更的审批流程是什么？ >> 超过50万的呢？ + 工程变更 + 超过50万
项目经理的职责有哪些？ >> 总监理工程师呢？ == 总监理工程师的职责有哪些？
3号楼什么时候封顶？ >> 5号楼呢？ == 5号楼什么时候封顶？
项目经理的职责有哪些？ >> What about the safety officer? + safety officer + 职责
What are the duties of the site manager? >> 那安全员呢？ + 安全员 + duties
风险清单有哪些内容？ >> 还有呢？ + 风险清单
塔吊的检查周期是多久？ >> 举个例子 + 塔吊 + 例子
What is the inspection interval of the crane? >> Who is responsible for that? + inspection + responsible
该项目的里程碑有哪些？ >> 那延期了怎么办？ + 里程碑 + 延期了怎么办
"""

HELD_OUT_SWITCHES = """
西站项目2023年二季度的完成投资是多少？ >> 公司的考勤制度是怎样的？
民法典第十条说了什么？ >> 著作权的保护期是多少年？
贷款的利率是多少？ >> 如何办理工商营业执照？
贷款的利率是多少？ >> 那信用报告在哪里查询？
青霉素的皮试怎么做？ >> 糖尿病人可以吃西瓜吗？
青霉素的皮试怎么做？ >> 因此类推的意思是什么？
流感疫苗的接种对象有哪些？ >> 其中药与西药的区别是什么？
租赁合同的违约金怎么算？ >> 此外墙保温材料的防火等级是多少？
盗窃罪的立案标准是什么？ >> 公司股东怎么退股？
增值税发票怎么开？ >> 本科毕业生的落户政策是什么？
MySQL 怎么建索引？ >> Kubernetes 的 Pod 为什么一直重启？
MySQL 怎么建索引？ >> 版本回退应该用哪个命令？
黄金会员有哪些权益？ >> 发票抬头写错了怎么修改？
订单怎么取消？ >> 那边境贸易的关税是多少？
项目经理的职责有哪些？ >> 钢筋进场验收需要检查哪些资料？
What is the VAT rate in Germany? >> How are stock options taxed when an employee leaves?
What is the VAT rate in Germany? >> What time does the cafeteria open?
What does section 3 of the policy require? >> And who pays for the parental leave of freelancers?
What is the half-life of caffeine? >> Is it possible to extend a student visa?
How do I paginate results in the REST API? >> Why does Git refuse to push to a protected branch?
How do I cancel my order? >> Do customers get their points back after a complaint?
How do I cancel my order? >> What is the warranty on the items that were repaired?
What are the duties of the site manager? >> When was this company founded?
Can a tenant sublet the flat? >> How many vacation days do new employees get?
What is the penalty for late filing? >> When a contract is signed, who keeps it?
Which vaccines do children need at age 2? >> Andrology clinics in Berlin: which are open on Sundays?
"""
