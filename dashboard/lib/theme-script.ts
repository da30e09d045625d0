// One of the three scripts of ours inside the pages: it sets theme, density and motion before the first paint, so that nothing
// flashes. It has to be small and self-contained, since it is inlined and allowed by its hash.
export const themeScript = `(function(){var d=document.documentElement,p={};try{p=JSON.parse(localStorage.getItem('flashdb.preferences')||'{}')||{}}catch(e){}
var l=p.theme==='light'||(p.theme==='system'&&matchMedia('(prefers-color-scheme: light)').matches);
d.dataset.theme=l?'light':'dark';d.dataset.density=p.density||'default';d.dataset.motion=p.motion||'full';
if(p.collapsed)d.dataset.sidebar='collapsed'})()`;
