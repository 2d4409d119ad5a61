"""The vocabulary of policy packs in Chinese and English: one table a kind of code.

The rule of this module: words only, no rule and no number of a rule. A firm's own codes need no word here; they are
shown as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping

from dialer.programmes.said import Said

Table = Mapping[str, Said]


def table(text: str) -> Table:
    """``code | Chinese | English``, one a line."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return {code: Said(zh, en) for code, zh, en in rows}


DAY_KINDS = table("""
    working_day | 工作日 | working days
    trading_day | 交易日 | trading days
    every_day   | 每一天（自然日） | every day of the calendar
""")

WEEKDAYS = tuple(
    table("""
    monday    | 周一 | Monday
    tuesday   | 周二 | Tuesday
    wednesday | 周三 | Wednesday
    thursday  | 周四 | Thursday
    friday    | 周五 | Friday
    saturday  | 周六 | Saturday
    sunday    | 周日 | Sunday
""").values()
)

AMOUNTS_ONE = table("""
    hour         | 小时 | hour
    day          | 日 | day
    every_day    | 个自然日 | calendar day
    working_day  | 个工作日 | working day
    trading_day  | 个交易日 | trading day
    week         | 周 | week
    month        | 个月 | month
    half_year    | 个半年 | half-year
    year         | 年 | year
    seconds      | 秒 | second
    minutes      | 分钟 | minute
    hours        | 小时 | hour
    days         | 天 | day
""")

PERIODS = table("""
    24h       | 任意 24 小时 | any 24 hours
    day       | 日 | day
    week      | 周 | week
    two_weeks | 两周 | two weeks
    month     | 月 | month
    quarter   | 季度 | quarter
    half_year | 半年 | half-year
    year      | 年 | year
""")

CHANNELS = table("""
    phone          | 电话 | telephone
    recorded_phone | 录音电话 | recorded telephone
    auto_call      | 电脑自动回访 | automatic call
    face_to_face   | 面对面 | face to face
    counter        | 临柜 | at the counter
    visit          | 上门 | visit
    meeting        | 会议座谈 | meeting
    letter         | 信函 | letter
    email          | 电子邮件 | e-mail
    sms            | 短信 | SMS
    questionnaire  | 问卷 | questionnaire
    wechat         | 微信 | WeChat
    gift           | 礼品 | gift
""")

EVENTS = table("""
    account_opened           | 开立资金账户 | a fund account was opened
    opening_formalities_done | 开户手续办理完毕 | the opening formalities are finished
    account_created          | 账户已建立、尚未开通 | the account exists and is not active yet
    account_review_passed    | 开户资料审核通过 | the check of the opening data was passed
    account_review_failed    | 开户资料审核未通过 | the check of the opening data failed
    account_activated        | 账户开通 | the account was activated
    custody_predesignated    | 预指定存管银行 | a custody bank was named in advance
    custody_confirmed        | 存管银行已确认 | the custody bank was confirmed
    permission_opened        | 开通业务权限 | a business permission was opened
    credit_account_opened    | 开立信用账户 | a margin account was opened
    futures_account_opened   | 开立期货账户 | a futures account was opened
    business_opened          | 开通新业务 | another business was opened
    agreement_signed         | 签署协议 | an agreement was signed
    client_data_changed      | 客户资料变更 | the client's data changed
    identity_changed         | 身份信息变更 | the client's identity data changed
    bank_account_changed     | 银行结算账户变更 | the settlement account at the bank changed
    custody_bank_changed     | 存管银行变更 | the custody bank changed
    password_reset           | 清密 | the password was reset
    account_closed           | 销户 | the account was closed
    transfer_in              | 银证转入 | money came in from the bank
    transfer_out             | 银证转出 | money went out to the bank
    custody_in               | 证券托管转入 | securities came into custody
    custody_out              | 证券托管转出 | securities left custody
    designated_in            | 指定交易转入 | designated trading was taken up
    designated_out           | 撤销指定交易 | designated trading was withdrawn
    trade                    | 交易 | a trade
    large_asset_change       | 大额资产变动 | a large change of assets
    asset_outflow            | 资产流出 | an outflow of assets
    asset_abnormal           | 资产异常变动 | an abnormal change of assets
    forced_liquidation       | 强制平仓 | a forced liquidation
    product_bought           | 购买产品或服务 | a product or service was bought
    statement_disputed       | 对账单有异议 | a statement was disputed
    statement_undelivered    | 对账单无法送达 | a statement could not be delivered
    key_monitoring           | 交易所重点监控账户 | the exchange watches the account closely
    abnormal_trading         | 交易异常 | abnormal trading
    regulator_inquiry        | 监管机构或交易所要求协助调查 | an inquiry of the regulator or an exchange
    risk_data                | 风险监控数据异常 | an anomaly from the risk-monitoring system
    name_match               | 需识别身份（名单匹配） | the identity must be established (name match)
    ml_suspicion             | 需识别身份 | the identity must be established
    data_contradiction       | 需识别身份（资料矛盾） | the identity must be established (contradicting data)
    identity_doubt           | 需识别身份（身份存疑） | the identity must be established (doubt)
    data_missing             | 需识别身份（资料缺失） | the identity must be established (missing data)
    listed                   | 列入专项名单 | the client stands on a list for one purpose
    instruction              | 部门指令 | a department's instruction
    complaint                | 客户投诉 | a complaint
    complaint_settled        | 投诉办结 | a complaint was settled
    business_matter          | 业务重要事项 | an important matter of a business line
    service_need             | 服务需求 | a need for service
    project_started          | 项目启动 | a project began
    project_finished         | 项目结束 | a project ended
    project_done             | 项目完成 | a project was finished
    training_done            | 培训结束 | a training ended
    birthday                 | 客户生日 | the client's birthday
""")

STATUS = table("""
    active    | 正常 | active
    dormant   | 休眠 | dormant
    suspended | 中止交易 | suspended
    closed    | 已销户 | closed
""")

KINDS = table("""
    person      | 个人 | person
    institution | 机构 | institution
""")

DEVELOPERS = table("""
    marketing | 营销人员 | marketing staff
    broker    | 证券经纪人 | a broker
    branch    | 营业部 | the branch
    self      | 客户自行开户 | nobody (the client came by himself)
""")

LANGUAGES = table("""
    zh-CN | 中文 | Chinese
    en    | 英文 | English
""")

TAGS = table("""
    vip            | VIP客户 | VIP client
    core           | 核心客户 | core client
    branch_key     | 营业部重点客户 | key client of the branch
    important      | 重要客户 | important client
    key            | 重点客户 | key client
    margin         | 融资融券 | margin trading
    option         | 股票期权 | stock options
    hk_connect     | 港股通 | Hong Kong Connect
    ib             | IB客户 | introduced futures client
    adviser_signed | 签约投资顾问 | advisory agreement
    service_signed | 签约服务 | service agreement
    broker         | 经纪人本人 | a broker himself
    gold           | 金卡客户 | gold client
    silver         | 银卡客户 | silver client
    ordinary       | 普通客户 | ordinary client
    active         | 交易活跃客户 | active trader
    active_trader  | 交易活跃客户 | active trader
    familiar       | 熟悉的客户 | familiar client
    prospect       | 潜在客户 | prospect
    lost           | 流失客户 | lost client
    fund           | 基金客户 | fund client
    private_fund   | 私募基金客户 | private fund client
    special        | 特殊客户 | special client
    dormant        | 休眠客户 | dormant client
    never_call      | 不回访名单 | on the list of those never called
    strategic       | 有战略价值 | of strategic value
    ipo_project     | 发行上市项目 | listing project
    institution_large | 大型机构 | large institution
    small          | 中小客户 | small or medium client
""")

FIELDS = table("""
    client_id        | 客户编号 | client number
    kind             | 客户类型 | kind of client
    branch           | 营业部 | branch
    status           | 账户状态 | account status
    introducer_id    | 开发人员编号 | number of the introducer
    developed_by     | 开发人 | developed by
    language         | 语言 | language
    asset_total      | 总资产 | total assets
    asset_avg_daily  | 日均资产 | average daily assets
    volume_month_avg | 月均交易量 | average monthly volume
    commission_year  | 年佣金 | yearly commission
    pnl_rate_6m      | 近六个月盈亏率 | profit rate of the last six months
    turnover         | 换手率 | turnover rate
    index_rate_6m    | 近六个月指数涨跌幅 | change of the index in the last six months
    opened_on        | 开户日期 | opening date
    last_trade_on    | 最近交易日期 | date of the last trade
    day              | 当日 | the day of the question
    period_start     | 本期首日 | the first day of the period
    event_on         | 事件日期 | date of the event
    event_type       | 事件 | event
""")

CARRIED = table("""
    group      | 事项编号 | key of the matter
    bulk       | 银行批量开户 | opened in bulk by a bank
    amount     | 事件金额 | amount of the event
    due_on     | 事件所载日期 | date in the event
    account    | 账户种类 | kind of account
    permission | 业务权限 | permission
    agreement  | 协议种类 | kind of agreement
    identity   | 涉及身份信息 | concerns identity data
    initiator  | 发起方 | started by
    market     | 市场 | market
    purpose    | 名单用途 | purpose of the list
    department | 指令部门 | department
    content    | 指令内容 | content
    priority   | 优先级 | priority
    product    | 产品 | product
    important  | 重要事项 | important matter
""")

CARRIED_VALUES = table("""
    yes        | 是 | yes
    no         | 否 | no
    fund       | 资金账户 | fund account
    auxiliary  | 辅助账户 | auxiliary account
    futures    | 期货账户 | futures account
    hk_connect | 港股通 | Hong Kong Connect
    option     | 股票期权 | stock options
    margin     | 融资融券 | margin trading
    service    | 服务协议 | service agreement
    adviser    | 投资顾问协议 | advisory agreement
    bank       | 银行 | the bank
    broker     | 证券公司 | the broker
    stock      | 股票 | stocks
    warrant    | 权证 | warrants
    identity   | 识别身份 | establishing the identity
    other_risk | 其他风险 | another risk
    branch_risk | 营业部风险 | a risk of the branch
    feedback   | 反馈 | feedback
    suggestion | 建议 | a suggestion
    complaint  | 投诉 | a complaint
""")

FIELD_VALUES: Mapping[str, Table] = {
    "kind": KINDS,
    "status": STATUS,
    "developed_by": DEVELOPERS,
    "language": LANGUAGES,
    "event_type": EVENTS,
    "tags": TAGS,
}
"""The words of a field's values; values of other fields are the firm's own names."""

ANSWERS = table("""
    opened_in_person       | 本人临柜开户并签署协议 | opened in person and signed the agreements
    staff_operates_account | 工作人员代客户操作账户 | staff operate the account
    full_discretion        | 存在全权委托 | a full-discretion mandate exists
    risk_told              | 已提示风险 | risks were pointed out
    knows_marketer         | 知道营销人员姓名 | knows the marketing person's name
    agency_or_wealth_mgmt  | 与营销人员有代理或理财关系 | agency or wealth management by the marketing person
    data_update_needed     | 基础资料需要更新 | basic data need an update
    self_operated          | 账户由本人操作 | the client operates the account himself
    own_will               | 开户为真实意愿 | the opening is the client's true wish
    opened_by_self         | 由本人开户 | the client opened the account himself
    risk_understood        | 已知晓风险 | the risks are understood
    forms_signed           | 已填写并签署资料表和问卷 | the forms are completed and signed
    true_mandate           | 为客户真实委托 | it is the client's true mandate
    agreements_true        | 协议真实、合规 | the agreements are true
    acknowledged           | 客户认可 | the client acknowledges it
    licence_shown          | 已出示执业证书 | the practice certificate was shown
    risk_duty              | 已履行风险揭示义务 | the duty to disclose risks was fulfilled
""")

ANSWER_VALUES = table("""
    yes    | 是 | yes
    no     | 否 | no
    match  | 一致 | match
    differ | 不一致 | no match
""")

SERIES = table("""
    marketing  | 营销序列 | marketing
    broker     | 证券经纪人 | brokers
    operations | 运营序列 | operations
    callcentre | 呼叫中心 | call centre
    compliance | 合规序列 | compliance
""")

LEVELS = table("""
    hq     | 总部 | head office
    branch | 营业部 | branch
    staff  | 客户自己的服务人员 | the client's own member of staff
""")

PURPOSES = table("""
    risk_disclosure | 风险揭示 | risk disclosure
    maintenance     | 客户维护 | client care
    opinions        | 征询意见 | opinions and needs
    satisfaction    | 满意度调查 | satisfaction
    data_correction | 资料核实、更正 | correction of data
    compliance      | 合规核查 | compliance
    confirmation    | 业务确认 | confirmation
""")

OUTCOMES = table("""
    passed             | 回访通过 | passed
    not_passed         | 回访不通过 | not passed
    refused            | 拒绝回访 | refused
    unreachable        | 回访不可达 | unreachable
    problem            | 发现问题 | a problem was found
    violation          | 发现违规 | a violation was found
    complaint          | 客户投诉 | the client complained
    acknowledged       | 客户认可 | acknowledged
    not_acknowledged   | 客户不认可 | not acknowledged
    objection          | 客户有异议 | the client objects
    suggestion         | 客户有建议 | the client makes a suggestion
    opinion            | 客户有意见 | the client has an opinion
    question           | 客户有疑问 | the client has a question
    need               | 客户有需求 | the client has a need
    anomaly            | 发现异常 | an anomaly was found
    data_wrong         | 资料有误 | the data are wrong
    data_changed       | 资料有变 | the data changed
    data_update_needed | 资料需要更新 | the data need an update
    dissatisfied       | 客户不满意 | the client is not satisfied
    other_department   | 涉及其他部门 | it concerns another department
    no_answer          | 无人接听 | nobody answered
    closed             | 已销户 | the account is closed
    commercial_question | 商务问题 | a commercial question
    technical_question | 技术问题 | a technical question
    potential          | 有潜在需求 | there may be a need
""")

ACTIONS = table("""
    message      | 向客户发送信息 | a message to the client
    report       | 报告 | a report
    work_order   | 转办处理 | a problem to be handled
    feedback     | 向客户反馈 | feedback to the client
    confirm_call | 再次回访确认 | a second call that confirms
    correction   | 更正资料 | a correction of the data
    archive      | 归档 | filing
    watch        | 加强检查与监控 | stronger monitoring
    measure      | 制定改进措施 | an improvement measure
""")

DISPOSITIONS = table("""
    answered           | 接通但未完成 | answered, not finished
    busy               | 占线 | busy
    no_answer          | 无人接听 | no answer
    rejected           | 拒接 | rejected
    invalid_number     | 空号 | the number does not exist
    suspended          | 停机 | the number is suspended
    unreachable        | 关机或不在服务区 | switched off or out of coverage
    blocked_by_network | 被网络拦截 | blocked by the network
    trunk_congestion   | 中继拥塞 | trunk congested
    our_fault          | 我方故障 | fault on our side
    cancelled          | 我方撤回 | withdrawn by us
    interrupted        | 中断 | interrupted
""")

RECORDS = table("""
    recording   | 录音 | recordings
    form        | 书面记录 | forms
    message     | 信息发送痕迹 | traces of messages
    module_data | 系统模块数据 | data of the call-back module
    transcript  | 转写文本 | transcripts
""")

RECORDING = table("""
    required          | 必须录音 | a recording is required
    form_or_recording | 登记表或录音至少其一 | a form or a recording is required
    if_possible       | 尽可能录音 | recorded if possible
    open              | 是否录音未定 | whether it is recorded is open
""")

GATES = table("""
    activation | 账户开通须等待该回访完成 | the activation of the account waits for it
    departure  | 员工离职须等待该回访完成 | the departure of the member of staff waits for it
""")

BEFORE = table("""
    activation   | 账户开通前 | before the account is activated
    contract_end | 终止劳动合同前 | before the employment contract ends
    event_date   | 事件所载日期前 | by the date that the event carries
""")

FESTIVALS = table("""
    new_year        | 元旦 | New Year
    spring_festival | 春节 | Spring Festival
    labour_day      | 劳动节 | Labour Day
    mid_autumn      | 中秋节 | Mid-Autumn Festival
    national_day    | 国庆节 | National Day
""")

COLLAPSE = table("""
    group | 同一事项的事件合并为一项 | events of one matter are one item
    day   | 同一天的事件合并为一项 | events of one day are one item
    none  | 每个事件单独一项 | each event is an item of its own
""")

BRANCH_MAY = table("""
    add    | 增加 | add
    remove | 删除 | remove
""")

PROVISIONS = table("""
    duties         | 职责分工 | Duties
    operating_flow | 操作流程 | Operating flow
    requirements   | 工作要求 | Requirements
    abnormal_cases | 异常情况处理 | Abnormal cases
""")
