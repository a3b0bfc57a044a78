"""Questions of several parts, in Chinese and English, in several fields.

`SEVERAL` and `ONE` are what the readings were made with: a line is a question and the parts it must
become, or a question that must stay as it is. `HELD_OUT` was written before it was first run, by who
made the readings; it is measured, and tested only for how often it is right.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.routing import Slot
from agent.routing.parts import parts
from agent.routing.parts.kinds import MOST
from agent.tools import Tool
from tests.agent.followups import CORE, CORE_SWITCHES, HELD_OUT_SWITCHES, conversations, slots_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "urban_construction" / "questions.jsonl"

SEVERAL = """
对比东站和西站的环保措施 => 东站的环保措施 | 西站的环保措施
请帮我对比一下东站与西站的环保措施 => 东站的环保措施 | 西站的环保措施
東站和西站的環保措施有什麼區別？ => 东站的环保措施 | 西站的环保措施
东站与西站的总投资分别是多少 => 东站的总投资是多少 | 西站的总投资是多少
A、B、C三个项目的工期各是多少 => A项目的工期是多少 | B项目的工期是多少 | C项目的工期是多少
东站的工期和投资分别是多少 => 东站的工期是多少 | 东站的投资是多少
东站项目工期和投资分别是多少 => 东站项目工期是多少 | 东站项目投资是多少
西站的噪声限值比东站严格吗 => 西站的噪声限值 | 东站的噪声限值
和东站相比，西站的噪声限值更严格吗 => 西站的噪声限值 | 东站的噪声限值
2023年和2024年的营业收入变化 => 2023年的营业收入 | 2024年的营业收入
2023和2024年营业收入的变化 => 2023年的营业收入 | 2024年的营业收入
从2021年到2023年营业收入增长了多少 => 2021年的营业收入 | 2023年的营业收入
2024年三季度和四季度的营业收入分别是多少 => 2024年三季度的营业收入是多少 | 2024年四季度的营业收入是多少
2024年的净利润比2023年高多少？ => 2024年的净利润 | 2023年的净利润
今年的住院费用比去年增长了多少？ => 今年的住院费用 | 去年的住院费用
东站、西站、南湖隧道的环保投资对比 => 东站的环保投资 | 西站的环保投资 | 南湖隧道的环保投资
东站和西站哪个的工期更长？ => 东站的工期 | 西站的工期
东站和西站的工期哪个更长？ => 东站的工期 | 西站的工期
东站和西站在环保措施方面有什么不同？ => 东站的环保措施 | 西站的环保措施
东站和西站的扬尘控制要求一样吗？ => 东站的扬尘控制要求 | 西站的扬尘控制要求
年假和病假有什么区别？ => 什么是年假 | 什么是病假
年假和病假分别有几天？ => 年假有几天 | 病假有几天
婚假、产假和陪产假各有多少天？ => 婚假有多少天 | 产假有多少天 | 陪产假有多少天
增值税专用发票和普通发票的税率各是多少？ => 增值税专用发票的税率是多少 | 普通发票的税率是多少
阿司匹林和布洛芬的副作用分别有哪些？ => 阿司匹林的副作用有哪些 | 布洛芬的副作用有哪些
招标采购管理办法第五条和第六条分别规定了什么？ => 招标采购管理办法第五条规定了什么 | 招标采购管理办法第六条规定了什么
《招标采购管理办法》和《工程款支付管理办法》的处罚规定有什么不同？ => 《招标采购管理办法》的处罚规定 | 《工程款支付管理办法》的处罚规定
东站的工期和西站的工期分别是多少？ => 东站的工期是多少 | 西站的工期是多少
北京与上海的社保基数各是多少？ => 北京的社保基数是多少 | 上海的社保基数是多少
甲方和乙方各承担什么义务？ => 甲方承担什么义务 | 乙方承担什么义务
iPhone 15 和 iPhone 16 的电池容量分别是多少？ => iPhone 15的电池容量是多少 | iPhone 16的电池容量是多少
TX-200A和TX-200B哪个更贵？ => TX-200A的价格 | TX-200B的价格
TX-200A比TX-200B贵多少？ => TX-200A的价格 | TX-200B的价格
TX-200A vs TX-200B的保修期 => TX-200A的保修期 | TX-200B的保修期
git rebase 和 git merge 有什么区别？ => 什么是git rebase | 什么是git merge
信用卡的年费和额度分别是多少？ => 信用卡的年费是多少 | 信用卡的额度是多少
东站什么时候开工？谁是负责人？ => 东站什么时候开工？ | 东站谁是负责人？
押金什么时候退，怎么申请？ => 押金什么时候退 | 押金怎么申请？
2022年、2023年和2024年的研发费用分别是多少？ => 2022年的研发费用是多少 | 2023年的研发费用是多少 | 2024年的研发费用是多少
基础版和专业版的并发数上限差多少？ => 基础版的并发数上限 | 专业版的并发数上限
C30和C40混凝土的养护时间各是多少？ => C30混凝土的养护时间是多少 | C40混凝土的养护时间是多少
Compare the warranty of TX-200A and TX-200B => the warranty of TX-200A | the warranty of TX-200B
Compare basic and premium plans. => basic plans | premium plans
Compare Berlin and Munich in terms of deposit rules. => deposit rules of Berlin | deposit rules of Munich
What is the difference between X and Y in terms of Z? => Z of X | Z of Y
What is the difference between annual leave and sick leave? => what is annual leave | what is sick leave
X vs Y: which is cheaper? => price of X | price of Y
Which has the longer warranty, the TX-200A or the TX-200B? => warranty of the TX-200A | warranty of the TX-200B
Is the TX-200A cheaper than the TX-200B? => price of the TX-200A | price of the TX-200B
Is the noise limit of West Station stricter than that of East Station? => the noise limit of West Station | the noise limit of East Station
How did revenue change from FY2021 to FY2023? => revenue in FY2021 | revenue in FY2023
What was the revenue growth between 2021 and 2023? => revenue in 2021 | revenue in 2023
What was the revenue in 2022 and 2023? => What was the revenue in 2022 | What was the revenue in 2023
How does the warranty of TX-200A compare to that of TX-200B? => the warranty of TX-200A | the warranty of TX-200B
How does Plan A's storage compare with Plan B's? => Plan A's storage | Plan B's storage
How do the East Station and West Station differ in dust control? => dust control of the East Station | dust control of West Station
What is the VAT rate in Germany and France respectively? => What is the VAT rate in Germany | What is the VAT rate in France
How many days of leave do full-time and part-time employees get respectively? => How many days of leave do full-time employees get | How many days of leave do part-time employees get
What are the fee and the deadline for a visa respectively? => What are the fee for a visa | What are the deadline for a visa
What does article 5 and article 6 of the lease say? => What does article 5 of the lease say | What does article 6 of the lease say
What is the warranty of TX-100, TX-200A and TX-200B? => What is the warranty of TX-100 | What is the warranty of TX-200A | What is the warranty of TX-200B
TX-200A vs TX-200B warranty => TX-200A warranty | TX-200B warranty
What is the deposit, and how do I cancel? => What is the deposit | how do I cancel?
When is rent due? What happens if I pay late? => When is rent due? | What happens if I pay late?
What did the Linxi Hospital vibration incident cost, and who paid? => What did the Linxi Hospital vibration incident cost | the Linxi Hospital vibration incident cost: who paid?
Compare the side effects of aspirin with those of ibuprofen => the side effects of aspirin | the side effects of ibuprofen
Is the penalty in 2024 higher than in 2023? => the penalty in 2024 | the penalty in 2023
"""

ONE = """
安全生产与危大工程管理办法第三条是什么？
《和谐家园管理办法》的适用范围是什么？
《安全与环保管理办法》和谐社区部分怎么规定？
和平路的限速是多少？
东站和西站之间的距离是多少？
东站和西站的总投资一共是多少？
环保和水保措施有哪些？
安全生产与环境保护有哪些要求？
西站污染土外运实际比计划拖了多少天？
营业收入同比增长了多少？
质保金的比例是多少？
比赛和培训的经费从哪里出？
设计和施工由谁负责协调？
离职后社保和公积金怎么处理？
买卖合同和租赁合同能一起签吗？
出差的交通和住宿费用怎么报销？
满足年龄、学历和工龄要求的员工怎么申请？
如果发生火灾、爆炸或者泄漏，应该先做什么？
2021年至2023年的累计投资是多少？
东站跟前的学校叫什么？
合同工期和实际工期不一致怎么办？
党和国家领导人接待有什么要求？
阿司匹林和华法林能一起吃吗？
收到通知后多久要回复，找谁？
各部门的管理费用是多少？
与会人员名单在哪里？
参与和退出机制是什么？
有什么问题可以找谁？
高血压患者能不能喝咖啡和茶？
城市管理和综合执法局的电话是多少？
前年和去年谁是公司总经理的助理一起工作的？
Who heads Research and Development?
Where can I read the terms and conditions?
What are the health and safety rules?
Can I bring food and drinks?
What is the distance between East Station and West Station?
Who signs the agreement between TX-100 and TX-200?
Is it legal to record calls and meetings?
How do I cancel if the parcel is lost and never arrives?
What happens between check-in and check-out?
Tell me when and where the meeting is.
Is a delay of more than 10 days allowed?
Is the fee higher than usual?
What is the profit and loss account?
Does Johnson and Johnson sell insurance?
How long do wear and tear repairs take?
What is supply and demand?
Which vaccines do children need, and are they free?
Which documents do I need to open and close an account?
What are the pros and cons of leasing?
What is the total investment from 2021 to 2023?
"""

HELD_OUT_SEVERAL = """
帮我比较一下滨江大道和南湖隧道的施工工期
定期存款与大额存单的起存金额各是多少？
二甲双胍和格列美脲的服用时间有什么不一样？
试用期员工和正式员工的请假流程有何差异？
科技园二期的混凝土方量比安居家园三期多吗？
2022年度与2023年度的管理费用相比增加了多少？
这款冰箱的保修期多长？运费谁出？
物业费怎么收，什么时候交？
盗窃罪、诈骗罪的立案标准分别是多少？
PostgreSQL与MySQL在事务隔离级别上有哪些差异？
住院和门诊的报销比例哪个高？
一期和二期的绿化率各为多少？
民法典第十条与第十二条的适用范围有什么不同？
企业版最多支持多少用户？比标准版贵多少？
青龙湖项目的总投资和完工时间分别是什么？
Contrast the eligibility rules for students and retirees
Which is more expensive, the Basic plan or the Pro plan?
What are the differences between REST and GraphQL regarding caching?
How much did headcount grow from 2020 to 2022?
Does the Pro plan have a higher upload limit than the Basic plan?
What were the operating costs in Q1 2024 and Q2 2024?
How long does delivery take, and what does it cost?
Who approves change orders and how long does approval take?
Ibuprofen versus paracetamol: maximum daily dose
How do leave rules for interns differ from those for permanent staff?
What is the cost of goods sold and how is it defined in IFRS?
如果发票丢了怎么办，需要找谁补开？
东站和西站的绿化面积哪个大？
一类变更和二类变更的审批权限有什么区别？
中级职称与高级职称的补贴标准各有多少？
老年人、孕妇和儿童服用该药的剂量分别为多少？
上海地铁和北京地铁的票价有何不同
和普通会员相比，黄金会员的运费更低吗？
房贷提前还款要收违约金吗？怎么预约？
How do the refund policies for books and electronics differ?
What's the difference between the 2022 and 2023 editions?
What is the maximum load of the C-100 and the C-200?
Are rents in Zurich higher than in Geneva?
What are the visa fees for adults and children respectively?
Where do I park? How much does it cost?
老城管网和青龙湖两个工程的质保期分别是几年？
麻烦对比2022年和2023年的安全事故数量
住房贷款利率与消费贷款利率差多少？
标准间和套房的价格相差多少？
甲类仓库、乙类仓库的防火间距要求有什么不同？
入职需要带什么材料？体检去哪家医院？
驾照扣分怎么查，多久清零一次？
南湖隧道的通风方案跟滨江隧道的通风方案有哪些区别？
2023年上半年的应收账款比2022年上半年减少了多少？
专科生和本科生的奖学金分别怎么评定？
胰岛素和口服降糖药哪个更适合孕妇？
《劳动合同法》与《劳动法》关于加班费的规定有何不同？
What is the difference between a lease and a licence?
Compare the deposit requirements in Hamburg with those in Vienna
Did net profit fall between 2022 and 2023?
Is article 12 stricter than article 10?
Which lasts longer, the A-100 or the A-200?
How do I export a report? Can I schedule it?
What are the interest rates for savings accounts and current accounts, respectively?
How does paternity leave compare with maternity leave?
北区停车场和南区停车场的收费标准各是怎样的？
请对比分析2021年度和2022年度的人均产值
门诊、急诊和住院的押金分别交多少？
发票抬头怎么改？已经开出的能作废吗？
三元催化器和颗粒捕集器的更换周期有什么区别？
合肥分公司的离职率比南京分公司高吗？
A12型号和B7型号的额定功率分别是多大？
研究生宿舍和本科生宿舍哪个更宽敞？
盾构法与明挖法的造价对比
债券基金跟货币基金的赎回到账时间一样吗？
Compare the cancellation fees of Silver and Gold tickets
What's the difference between a will and a trust when it comes to taxes?
Who is the landlord and when does the lease end?
How have emissions changed between 2019 and 2023?
Is the Model S heavier than the Model X?
What are the opening hours of the gym and the pool respectively?
Python vs Ruby: which is faster?
How does the 2023 policy differ from the 2021 policy?
"""

HELD_OUT_ONE = """
施工许可证和规划许可证由哪个部门核发？
招标文件与投标文件不一致时以哪个为准？
东站与地铁5号线的换乘通道有多长？
与项目相关的规章制度在哪里下载？
对比度怎么调节？
同比例增资需要几个股东同意？
夫妻和子女能共用医保账户吗？
如何处理扬尘、噪声和废水投诉？
参加投标的公司需要满足哪些资质和业绩条件？
Does the law and order committee meet weekly?
What is the trade and investment policy?
Can employees carry over more than five days of leave?
How are parts and labour covered under the warranty?
Who is responsible for the coordination between design and construction teams?
2020年各部门的管理费用分别是多少？
各项目的安全措施费分别由谁审批？
哪种防水卷材比较适合地下室？
与去年相比，营业收入有什么变化？
区别对待供应商会受到什么处罚？
和解协议签订后还能起诉吗？
不知道怎么报销，应该找谁问？
及格线是多少分？
同一层楼的消防栓间距是多少？
盾构机和配套设备由哪家公司供应？
水泥与沙子的配合比是多少？
王伟和李娜是什么关系？
跟甲方对接的窗口在哪里？
项目部和监理部共同签字的表格有哪些？
企业所得税和增值税可以一起申报吗？
施工单位对分包单位的安全教育比例要求是多少？
比较复杂的变更由谁来审批？
公司与员工之间的竞业限制补偿是多少？
一类和二类变更都要上会吗？
How and when should I submit my timesheet?
Does it matter whether I use Chrome or Firefox?
What are the rules on bring and buy sales?
How many people live and work on site?
Are meals and travel reimbursed?
Is there a difference in how overtime is paid?
What is the deadline for submitting plans and drawings?
Compared to last year, is the budget higher?
Who is in charge of research and what is known as innovation?
What is more than adequate ventilation?
If I resign and move abroad, what happens to my pension?
What is the ratio between sand and cement?
How is the difference between budget and actual cost calculated?
Can the tenant paint walls and drill holes?
食品经营许可证和营业执照需要年检吗？
上班迟到和早退怎么处罚？
高温作业和夜班津贴可以同时领吗？
总包与分包之间的安全责任怎么划分？
比亚迪汽车的质保政策是什么？
跟团游取消了能退款吗？
和平里社区的卫生服务中心几点开门？
如果员工怀孕，公司需要怎么安排，有什么补贴？
图纸会审和设计交底的记录由谁整理归档？
对于同一事项多次投诉的，怎么办理？
及时率指标怎么计算？
污水处理厂的进水和出水COD去除率是多少？
How do I connect the printer and scanner?
Is breakfast included and served in the room?
What are the roles of the board and management?
Who wrote Pride and Prejudice?
What's the difference in time zones called?
What is the minimum distance between desks?
How much more than the quoted price can I be charged?
Which forms must parents and guardians sign before the trip?
混凝土和易性怎么检测？
财务与人力共享中心的负责人是谁？
进度款和结算款的支付依据是哪些文件？
老师和家长怎么沟通？
调解与仲裁程序可以同时进行吗？
因台风停工，工期和费用能否索赔？
同安区的落户条件有哪些？
比选文件需要盖章吗？
各单位应当如何分别保管原件和复印件？
研发人员占比多少才能认定高新技术企业？
及时雨基金的申请渠道是什么？
没有身份证和户口本，怎么办理入学？
Is there parking for cars and bikes?
Do I need a visa and an invitation letter?
How is bread and butter stored?
When were search and rescue teams founded?
What if my bag is lost and I have no receipt?
How do sales and marketing work together on leads?
Can the notice be sent by post or email?
Which rooms have air conditioning and heating?
Does the handbook say who approves overtime and expenses?
What is the limit for cash and card withdrawals combined?
"""


def nothing(text: str) -> Sequence[Slot]:
    """Find no value of any tool: a project without tools."""
    return []


def lines(table: str) -> list[str]:
    """Return the lines of a table."""
    return table.strip().splitlines()


@pytest.mark.parametrize("line", lines(SEVERAL))
def test_each_part_stands_alone(line: str) -> None:
    """A comparison, a list or several questions become one question for each thing that is asked of."""
    question, _, expected = line.partition(" => ")
    assert parts(question, nothing) == expected.split(" | ")


@pytest.mark.parametrize("question", lines(ONE))
def test_one_question_stays_one(question: str) -> None:
    """Names with 和 or "and", facts about two things together and conditions are not torn apart."""
    assert parts(question, nothing) == [question]


def test_new_questions() -> None:
    """Of questions it was not made with, nine of ten are seen for what they are."""
    several, one = lines(HELD_OUT_SEVERAL), lines(HELD_OUT_ONE)
    right = [question for question in several if len(parts(question, nothing)) > 1]
    wrong = [question for question in one if len(parts(question, nothing)) > 1]
    assert len(right) >= 0.9 * len(several)
    assert len(wrong) <= 0.1 * len(one), wrong


def test_ordinary_questions_stay_whole() -> None:
    """Of the example's labelled questions and of conversations at most three in a hundred are split."""
    asked = [json.loads(line)["question"] for line in EXAMPLE.read_text("utf-8").splitlines()]
    for table in (CORE, CORE_SWITCHES, HELD_OUT_SWITCHES):
        asked += [turn for talk in conversations(table) for turn in talk.turns]
    asked = list(dict.fromkeys(asked))
    split = [question for question in asked if len(parts(question, nothing)) > 1]
    assert len(split) <= 0.03 * len(asked), split


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("东站和西站的总投资", ["东站的总投资", "西站的总投资"]),
        ("东站项目和西站项目工期", ["东站项目工期", "西站项目工期"]),
        ("东站与西站完成投资", ["东站完成投资", "西站完成投资"]),
        ("东站2024年的纳统金额和完成投资是多少", ["东站2024年的纳统金额是多少", "东站2024年的完成投资是多少"]),
        ("东站和西站之间的距离", ["东站和西站之间的距离"]),
    ],
)  # fmt: skip
def test_values_of_tools_help(tools: dict[str, Tool], question: str, expected: list[str]) -> None:
    """Two values of one argument side by side are two things asked of, without a word that says so."""
    assert parts(question, slots_of(tools)) == expected


def test_long_lists_keep_everything() -> None:
    """Of more things than parts the last part has the rest."""
    found = parts("甲、乙、丙、丁、戊五个项目的工期各是多少", nothing)
    assert len(found) == MOST
    assert found[-1].startswith("丁、戊")


@pytest.mark.parametrize(
    "question", ["", "？", "和", "比", "and", "?, and", "A、", "、B", "对比", "vs"]
)
def test_hardly_a_question(question: str) -> None:
    """What has no words to take apart stays as it is."""
    assert parts(question, nothing) == [question]


def test_costs_little() -> None:
    """Every search question is looked at, so it takes well under a millisecond, however it is made."""
    asked = [line.partition(" => ")[0] for line in lines(SEVERAL)]
    assert best_of_three(asked) < 0.3e-3 * len(asked)
    assert best_of_three(["东站和" * 130, "a and " * 66, "X vs " * 80, "从2021年到" * 50]) < 0.04


def best_of_three(asked: list[str]) -> float:
    """Return the CPU seconds that questions took, other work on the machine left aside."""

    def taken() -> float:
        started = time.process_time()
        for question in asked:
            parts(question, nothing)
        return time.process_time() - started

    return min(taken() for _ in range(3))
