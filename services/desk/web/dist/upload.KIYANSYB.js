import{a,b,c,d,e}from"./chunk.35EK2BSC.js";import"./chunk.CQALT76A.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
