import pytest, random
from pathlib import Path
from dialer.tables import Attempt
from ivr_flows.loader import load_flow
from ivr_flows.model import targets
pytestmark = pytest.mark.browser
def test_shots(bob, day, page):
    import copy
    names=["x17_existing"]
    r=random.Random(4)
    with day.db.write() as s:
        base=s.get_one(Attempt,"att-1b")
        cols={c.name:getattr(base,c.name) for c in Attempt.__table__.columns}
        for lang in ("zh-CN","en"):
            f=load_flow("x17_existing",lang)
            for i in range(400):
                path=[["","start",f.entry]]; step=f.entry; reasons=[]
                while True:
                    st=f.steps[step]; t=list(targets(st).items())
                    if not t: break
                    if r.random()<.03: reasons=[f"hung_up:{step}"]; break
                    good=[x for x in t if x[1]!=f.agent]
                    o,tt=r.choice(t) if r.random()<.05 else good[0]
                    path.append([step,o,tt]); step=tt
                s.add(Attempt(**{**cols,"attempt_id":f"x{lang}{i}","flow":"x17_existing","flow_hash":f.hash,"path":path,"verdict":{"reasons":reasons},"recording_id":None}))
    for lang in ("zh-CN","en"):
        page.goto("/day"); page.click(f".languages button[value='{lang}']") if page.locator(f".languages button[value='{lang}']").count() else None
        for w in (1280,400):
            page.set_viewport_size({"width":w,"height":900})
            page.goto(f"/flows/x17_existing/map?language={lang}")
            page.screenshot(path=f"/tmp/shot-{lang}-{w}.png",full_page=False)
            page.locator("#arrows-title").scroll_into_view_if_needed()
            page.evaluate("document.querySelector('#arrows-title').scrollIntoView()")
            page.screenshot(path=f"/tmp/shot-{lang}-{w}-table.png")
            page.locator("#arrows-title").evaluate("e=>0")
        page.set_viewport_size({"width":1280,"height":900})
        page.goto(f"/flows/x17_existing/map?language={lang}&show=rehearsals"); page.screenshot(path=f"/tmp/shot-{lang}-reh.png")
        page.goto(f"/flows/x17_existing/map?language={lang}"); 
        page.locator("table a.n").nth(2).click(); page.screenshot(path=f"/tmp/shot-{lang}-list.png")
