"""A user's whole life, by Python's standard library: is the sandbox a service that any client can talk to?

Usage: python3 life.py URL INSTANCE_ID INSTANCE_KEY SECOND_ID SECOND_KEY INVITE_CODE ADMIN_EMAIL ADMIN_PASSWORD
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

URL, INSTANCE, KEY, SECOND, SECOND_KEY, INVITE, EMAIL, PASSWORD = sys.argv[1:]


def call(method, path, body=None, headers=None, want=200):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method, headers=dict(headers or {}))
    if data is not None and not request.has_header("Content-type"):
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    assert status == want, (method, path, status, text)
    envelope = json.loads(text) if text else {}
    assert not envelope or envelope["Status"] == want, envelope
    return envelope.get("Result")


def bearer(pair):
    return {"Authorization": "Bearer " + pair["AccessToken"]["Token"]}


instance = {"InstanceId": INSTANCE, "InstanceKey": KEY}

# Registered, with names as a phone's client spells them.
me = call("POST", "/v1/Registration/Create", {"firstName": "Zoë", "LastName": "Ångström", "userFields": {"clientId": "py-1"}}, instance)
assert me["AccessToken"]["ExpiresIn"] == 432000

# Found by the admin, whose LoginFields are a string that holds JSON.
admin = bearer(call("POST", "/v1/Auth/Login", {"LoginFields": json.dumps({"email": EMAIL}), "Password": PASSWORD}))
found = call("GET", "/v1/Management/users/find?" + urllib.parse.urlencode({"FullName": "zoë ångström"}), headers=admin)
assert [user["DeviceToken"] for user in found] == [me["DeviceToken"]], found

# The phone reads and changes its own profile, and signs in again with its instance's key.
own = {**instance, **bearer(me)}
assert call("GET", "/v1/Management/users", headers=own)["UserFields"][0]["ClientId"] == "py-1"
call("PUT", "/v1/Management/users", {"Nickname": "zo"}, {**own, "DeviceToken": me["DeviceToken"]})
again = call("POST", "/v1/auth/login", {"LoginFields": {"Devicetoken": me["DeviceToken"]}, "Password": KEY}, {"InstanceId": INSTANCE})
assert again["AccessToken"]["ExpiresIn"] == 86400

# The pair is renewed; the old refresh token is spent.
old = {"AccessToken": again["AccessToken"]["Token"], "RefreshToken": again["RefreshToken"]}
fresh = call("POST", "/v1/Auth/RefreshToken", old)
assert fresh["RefreshToken"] != again["RefreshToken"]
call("POST", "/v1/Auth/RefreshToken", old, want=401)

# The admin switches logging on, lists, and moves the user; the user joins back by the invite code.
patch = {**admin, "UserDeviceToken": me["DeviceToken"], "Content-Type": "application/json-patch+json"}
call("PUT", "/v1/Management/users", {"UserFields": {"EnableLogging": True}}, patch)
page = call("POST", "/v1/Management/users/GetFilteredPage", {
    "InstanceIds": [INSTANCE], "PageNumber": 1, "PageSize": 50, "IncludeAccountInfo": True, "Sort": "DateCreatedDesc", "ShowInactiveUsers": True,
}, admin)
mine = [user for user in page["Users"] if user["DeviceToken"] == me["DeviceToken"]][0]
assert mine["UserFields"][0]["EnableLogging"] is True and mine["UserProfile"]["Nickname"] == "zo" and page["CurrentPage"] == 1
call("POST", "/v1/Management/users/instances/change", {"DeviceToken": me["DeviceToken"], "ToInstanceId": SECOND, "ToInstanceKey": SECOND_KEY}, admin)
call("POST", "/v1/Management/users/instances/change/" + INVITE, headers=bearer(fresh))

# The way from the permissions down to an instance's key.
company = None
with urllib.request.urlopen(urllib.request.Request(URL + "/auth/permissions", headers=admin), timeout=20) as answer:
    company = json.load(answer)["result"]["companiesPermissions"][0]["companyId"]
application = call("GET", "/v1/companies/" + company + "/applications", headers=admin)[0]["Id"]
keys = {i["Id"]: i["Key"] for i in call("GET", "/v1/applications/" + application + "/instances", headers=admin)}
assert keys[INSTANCE] == KEY

# Deleted for good.
call("DELETE", "/v1/Management/users/" + me["DeviceToken"], headers=admin)
call("GET", "/v1/Management/users", headers={**instance, **bearer(fresh)}, want=401)
call("DELETE", "/v1/Management/users/" + me["DeviceToken"], headers=admin, want=404)
print("a whole life")
