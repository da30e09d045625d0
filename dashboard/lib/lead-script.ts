// The third script of ours inside the pages: of what a page says about its parts while it loads, it shows the part that the address
// names, before the first paint. The export knows no address, and the bundles come later.
export const leadScript = `(function(){var all=document.querySelectorAll('[data-lead]'),tab=new URLSearchParams(location.search).get('tab'),one=all[0];
all.forEach(function(e){if(e.dataset.lead===tab)one=e});if(one)one.hidden=false})()`;
