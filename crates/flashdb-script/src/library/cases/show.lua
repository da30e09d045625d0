local function show(value)
  local kind = type(value)
  if kind == 'string' then
    return '"' .. string.gsub(value, '[^%w%p ]', function(c) return string.format('\\%03d', string.byte(c)) end) .. '"'
  elseif kind == 'number' then
    if value ~= value then return 'nan' end
    return string.format('%.17g', value)
  elseif kind == 'table' then
    local parts = {}
    for key, item in pairs(value) do parts[#parts + 1] = '[' .. show(key) .. ']=' .. show(item) end
    return '{' .. table.concat(parts, ',') .. '}'
  elseif kind == 'userdata' then
    return value == cjson.null and 'null' or 'userdata'
  elseif kind == 'function' then
    return 'function'
  end
  return tostring(value)
end
local function collect(ok, ...)
  if not ok then return 'error ' .. tostring((...)) end
  local parts = {}
  for i = 1, select('#', ...) do parts[i] = show((select(i, ...))) end
  return table.concat(parts, ' ')
end
return collect(pcall(function() BODY end))
