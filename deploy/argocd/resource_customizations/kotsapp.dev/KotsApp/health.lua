-- The health of a KotsApp (kotsapp.dev/v1alpha1) for Argo CD.
-- Argo CD runs it with the live resource in `obj`, on Lua 5.1 without the string library.

local generation = obj.metadata.generation
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready

local function health(code, message)
  return { status = code, message = message }
end

local function told(condition)
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

-- A condition that was written for an older generation says nothing of what is in Git now.
local function is_current(condition)
  return condition ~= nil and condition.observedGeneration == generation
end

if obj.spec.suspend == true then
  return health("Suspended", "spec.suspend is true: nothing is probed, applied or repaired")
end

local stalled = conditions.Stalled
if is_current(stalled) and stalled.status == "True" then
  return health("Degraded", told(stalled))
end

if status.observedGeneration ~= generation then
  if is_current(ready) then
    return health("Progressing", told(ready))
  end
  return health("Progressing", "Waiting for the operator to take up generation " .. generation)
end

if ready == nil then
  return health("Unknown", "status.conditions has no Ready")
end

local reconciling = conditions.Reconciling
if ready.status == "Unknown" or (reconciling ~= nil and reconciling.status == "True") then
  return health("Progressing", told(ready))
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
if ready.status == "False" then
  return health("Degraded", told(ready))
end
return health("Unknown", "The Ready condition is neither True, False nor Unknown")
