"""The vocabulary of who and what: addressees, owners and the contents of messages, in Chinese and English.

The rule of this module: as ``words_tables``.
"""

from __future__ import annotations

from dialer.programmes.words_tables import table

ROLES = table("""
    hq | 总部 | the head office
    branch | 营业部 | the branch
    client | 客户 | the client
    caller | 回访员 | the caller
    hq_customer_service | 总部客户服务部 | customer service of the head office
    head_of_hq_customer_service | 总部客户服务部负责人 | the head of customer service at the head office
    hq_call_centre | 公司呼叫中心 | the call centre of the company
    hq_brokerage | 经纪业务管理总部 | the brokerage management department
    branch_operations_director | 营业部运营总监 | the operations director of the branch
    branch_marketing_director | 营业部营销总监 | the marketing director of the branch
    branch_or_marketing_director | 营业部（营销总监） | the branch (its marketing director)
    receiving_hq_department | 收到记录的总部部门 | the head-office department that received the records
    responsible_function | 职能部门 | the responsible function
    ordering_department | 下达指令的部门 | the ordering department
    brokerage_operations_centre | 经纪业务运营中心 | the brokerage operations centre
    risk_control_hq | 风险控制总部 | risk control of the head office
    branch_compliance_manager | 营业部合规专员 | the compliance manager of the branch
    branch_general_manager | 营业部总经理 | the general manager of the branch
    branch_head | 营业部负责人 | the head of the branch
    branch_manager | 营业部经理 | the branch manager
    branch_or_department_owner | 营业部或部门负责人员 | the owner in the branch or department
    branch_risk | 营业部风险控制人员 | risk control of the branch
    compliance | 合规部门 | the compliance department
    compliance_director | 合规总监 | the compliance director
    department | 部门 | the department
    departments | 各有关部门 | the departments concerned
    department_head | 部门负责人 | the head of the department
    first_receiver | 首位受理人 | whoever receives it first
    hq_business_management | 总部业务管理部门 | business management of the head office
    hq_customer_service_centre | 总部客户服务中心 | the customer service centre of the head office
    leadership | 公司领导 | the leadership of the firm
    management | 管理层 | the management
    responsible_department | 有关部门 | the responsible department
    risk_control | 风险控制部门 | the risk control department
    sales_director | 销售总监 | the sales director
    superiors | 上级 | the superiors
    supervisor | 主管 | the supervisor
    technical_director | 技术总监 | the technical director
    caller_manager | 回访员主管 | the caller's manager
    marketing_director | 营销总监 | the marketing director
    finance_director | 财务总监 | the finance director
    client_manager | 客户经理 | the client manager
    recommender | 业务推荐人 | the recommender
    sales_trading_hq | 销售交易总部 | the sales and trading department
""")

CONTENTS = table("""
    investment_risk | 投资风险提示 | a reminder of investment risks
    trading_risk | 交易风险提示 | a reminder of trading risks
    discretionary | 代客理财 | discretionary management for clients
    operated | 代客操作 | operating a client's account
    misused | 窃用客户账户 | misuse of a client's account
    induced | 诱使客户频繁交易 | inducing frequent trading
    false_information | 提供虚假信息 | false information
    risk_reminder | 风险提示 | a reminder of risks
    pef_improper_sale | 不当推介与销售 | improper promotion or sale
    pef_promised_return | 承诺收益率 | a promised return
    greeting | 问候 | a greeting
    festival_greeting | 节日问候 | a festival greeting
    birthday_greeting | 生日祝福 | a birthday greeting
    welcome | 欢迎信息 | a welcome
    thanks | 感谢 | thanks
    news | 资讯 | news
    caller_contact | 回访人员姓名与电话 | name and number of the caller
    illegal_promise | 违规承诺 | an illegal promise
""")
